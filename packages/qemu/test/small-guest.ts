import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '@sekimori/crypto-core';
import { expectOk } from '@sekimori/result';
import { afterEach } from 'vitest';
import {
  createOuterDisk,
  discardQemu,
  type EncryptionSupportedMachine,
  launchQemu,
  type LaunchOptions,
  type RunningMachine,
  type ShieldedMachine,
} from '../src/index.ts';

/** Said by the guest on its serial port when it runs. */
export const GREETING = 'R';

/**
 * Firmware that is a whole guest: real mode, from the reset vector in its last 16 bytes. It switches ACPI on, says 'R' on the serial
 * port, waits for the power button and powers off.
 */
const CODE = [
  '66b840f80080 baf80c 66ef 66b801060000 bafc0c 66ef', // ICH9 LPC, PMBASE := 0x600
  '66b844f80080 baf80c 66ef 66b880000000 bafc0c 66ef', // ACPI_CNTL := enabled
  'ba0206 b80001 ef', // PM1_EN := the power button
  'baf803 b052 ee', // COM1 := 'R'
  'ba0006 ed a90001 74fa', // until PM1_STS has the power button
  'ba0406 b80020 ef', // PM1_CNT := S5
  'f4 ebfd',
];
const IMAGE_BYTES = 64 * 1024;

function firmwareImage(): Buffer {
  const image = Buffer.alloc(IMAGE_BYTES, 0xf4);
  Buffer.from(CODE.join('').replaceAll(' ', ''), 'hex').copy(image, 0xff00);
  Buffer.from('e90dff', 'hex').copy(image, 0xfff0); // jmp 0xff00
  return image;
}

/** A machine's files in a folder of their own, and what launchQemu needs of them. */
export class SmallGuest {
  readonly folder: string;
  readonly runFolder: string;
  readonly disk: string;
  readonly key = new Secret(randomBytes(32));
  readonly handles = new Map<string, FileHandle>();
  readonly transcript: string[] = [];

  private constructor(folder: string) {
    this.folder = folder;
    this.runFolder = join(folder, 'run');
    this.disk = join(folder, 'root.luks');
  }

  static async make(): Promise<SmallGuest> {
    const guest = new SmallGuest(await mkdtemp(join(tmpdir(), 'qemu-')));
    const inFolder = (name: string) => join(guest.folder, name);
    await mkdir(guest.runFolder, { mode: 0o700 });
    await writeFile(inFolder('code.fd'), firmwareImage());
    await writeFile(inFolder('variables.fd'), Buffer.alloc(IMAGE_BYTES));
    await writeFile(inFolder('root.raw'), Buffer.alloc(4 * 1024 * 1024, 'content\n'));
    expectOk(await createOuterDisk({ source: inFolder('root.raw'), target: guest.disk, key: guest.key }));
    await guest.open('code', inFolder('code.fd'), 'r');
    await guest.open('variables', inFolder('variables.fd'), 'r+');
    await guest.open('root', guest.disk, 'r+');
    made.add(guest);
    return guest;
  }

  async open(id: string, path: string, flags: string): Promise<void> {
    await this.handles.get(id)?.close();
    this.handles.set(id, await open(path, flags));
  }

  get shielded(): ShieldedMachine {
    return {
      protection: 'shielded',
      name: 'small',
      uuid: '0b4f6d2e-5a86-4c39-9d57-1f0c3c2f8a11',
      accelerator: 'tcg',
      cpu: 'max',
      cpus: 1,
      memoryMiB: 32,
      firmware: { code: 'code', variables: 'variables', secureBoot: false },
      drives: [{ id: 'root', descriptor: 'root', luks: { secret: 'root' }, bootIndex: 0 }],
      networks: [],
      ports: [],
    };
  }

  get supported(): EncryptionSupportedMachine {
    return { ...this.shielded, protection: 'encryption-supported' };
  }

  get options(): LaunchOptions {
    return {
      machine: this.shielded,
      runFolder: this.runFolder,
      descriptors: new Map([...this.handles].map(([id, { fd }]) => [id, fd])),
      secrets: new Map([['root', this.key]]),
      identity: { uid: 1_900_000_123, gid: 1_900_000_123 },
      transcript: (line) => this.transcript.push(line),
    };
  }

  /** With what a caller must do after it: the descriptors here are closed. */
  async launch(changes: Partial<LaunchOptions> = {}): ReturnType<typeof launchQemu> {
    const outcome = await launchQemu({ ...this.options, ...changes });
    await this.closeHandles();
    return outcome;
  }

  async running(changes: Partial<LaunchOptions> = {}): Promise<RunningMachine> {
    return expectOk(await this.launch(changes));
  }

  async closeHandles(): Promise<void> {
    for (const handle of this.handles.values()) await handle.close();
    this.handles.clear();
  }

  async remove(): Promise<void> {
    await this.closeHandles();
    await discardQemu(this.runFolder);
    await rm(this.folder, { recursive: true, force: true });
  }
}

const made = new Set<SmallGuest>();
afterEach(async () => {
  for (const guest of made) await guest.remove();
  made.clear();
});
