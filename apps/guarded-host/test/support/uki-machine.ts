import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { concat, utf8 } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { EV } from '@sekimori/event-log';
import { expectOk } from '@sekimori/result';
import { linuxEnvironment } from '../../src/preflight/linux-environment.ts';
import { preflight, type PreflightInput, type PreflightReport } from '../../src/preflight/preflight.ts';
import {
  bootLog,
  GLOBAL,
  guidOf,
  hashed,
  imageLoaded,
  labelled,
  type Measured,
  SECURITY,
  SEPARATORS,
  u32,
  variable,
  wide,
} from './boot-log.ts';
import { aFolder } from './folders.ts';
import { imageDigest } from './pe-image.ts';

export const PARTITION = '22222222-2222-2222-2222-222222222222';
export const IMAGE = 'EFI/BOOT/BOOTX64.EFI';
const COMMAND_LINE = 'console=ttyS0 quiet';
const X509 = 'a5c059a1-94e4-4aa7-87b5-ab155c2bf072';
const SHA256 = 'c1c41626-504c-4092-aca9-41f936934328';

/** EFI_SIGNATURE_DATA: an owner, then certificate or digest. */
export const signatureData = (data: Uint8Array): Uint8Array => concat(guidOf(PARTITION), data);

/** EFI_SIGNATURE_LISTs, one for each entry. */
export function signatureLists(type: 'x509' | 'sha256', ...entries: readonly Uint8Array[]): Uint8Array {
  const guid = guidOf(type === 'x509' ? X509 : SHA256);
  return concat(
    ...entries.flatMap((data) => [
      guid,
      u32(28 + 16 + data.length),
      u32(0),
      u32(16 + data.length),
      signatureData(data),
    ]),
  );
}

/** An option of the boot manager: active, with a name, and the path of a file where one is given. */
export function bootOption(name: string, path?: string): Uint8Array {
  const file = path === undefined ? new Uint8Array() : wide(`${path}\0`);
  const end = Uint8Array.of(0x7f, 0xff, 4, 0);
  const list = path === undefined ? end : concat(Uint8Array.of(4, 4, file.length + 4, 0), file, end);
  return concat(u32(1), Uint8Array.of(list.length, 0), wide(`${name}\0`), list);
}

export interface Firmware {
  readonly secureBoot: boolean;
  readonly db: Uint8Array;
  readonly dbx: Uint8Array;
  readonly order: readonly number[];
  readonly options: Readonly<Record<string, Uint8Array>>;
}

export const PLAIN_FIRMWARE: Firmware = {
  secureBoot: false,
  db: new Uint8Array(),
  dbx: new Uint8Array(),
  order: [1],
  options: { Boot0001: bootOption('disk') },
};

const orderOf = ({ order }: Firmware) => Uint8Array.from(order.flatMap((number) => [number & 0xff, number >> 8]));

/** What firmware measures before it starts something. */
export function firmwareEvents(firmware: Firmware): readonly Measured[] {
  const config = (guid: string, name: string, value: Uint8Array) =>
    hashed(7, EV.EV_EFI_VARIABLE_DRIVER_CONFIG, variable(guid, name, value));
  const option = (name: string, value: Uint8Array) =>
    labelled(1, EV.EV_EFI_VARIABLE_BOOT, variable(GLOBAL, name, value), value);
  return [
    hashed(0, EV.EV_S_CRTM_VERSION, wide('1.0\0')),
    config(GLOBAL, 'SecureBoot', Uint8Array.of(firmware.secureBoot ? 1 : 0)),
    config(GLOBAL, 'PK', new Uint8Array()),
    config(GLOBAL, 'KEK', new Uint8Array()),
    config(SECURITY, 'db', firmware.db),
    config(SECURITY, 'dbx', firmware.dbx),
    hashed(7, EV.EV_SEPARATOR, new Uint8Array(4)),
    option('BootOrder', orderOf(firmware)),
    ...Object.entries(firmware.options).map(([name, value]) => option(name, value)),
    hashed(4, EV.EV_EFI_ACTION, 'Calling EFI Application from Boot Option'),
    ...SEPARATORS,
  ];
}

export function imageStarted(image: Uint8Array, path: string | undefined, partition?: string): Measured {
  const data = imageLoaded(path, partition);
  return { pcr: 4, type: EV.EV_EFI_BOOT_SERVICES_APPLICATION, data, digest: imageDigest(image) };
}

/** Firmware found the image allowed by this entry of db. */
export const vouchedBy = (data: Uint8Array): Measured =>
  hashed(7, EV.EV_EFI_VARIABLE_AUTHORITY, variable(SECURITY, 'db', signatureData(data)));

const tagged = (tag: number, name: string, measured: Uint8Array) =>
  labelled(9, EV.EV_EVENT_TAG, concat(u32(tag), u32(name.length + 1), utf8(`${name}\0`)), measured);

/** What systemd-stub and then the kernel measure of a unified kernel image with these contents. */
export function stubEvents(
  sections: Readonly<Record<string, string>>,
  commandLine = sections['.cmdline'] ?? '',
): readonly Measured[] {
  const section = (name: string, content: string) => {
    const label = wide(`${name}\0`);
    return [labelled(11, EV.EV_IPL, label, `${name}\0`), labelled(11, EV.EV_IPL, label, content)];
  };
  return [
    ...Object.entries(sections).flatMap(([name, content]) => section(name, content)),
    tagged(0x8f3b22ed, 'LOADED_IMAGE::LoadOptions', wide(`${commandLine}\0`)),
    tagged(0x8f3b22ec, 'Linux initrd', utf8(sections['.initrd'] ?? '')),
  ];
}

export const EXIT_EVENTS: readonly Measured[] = [
  hashed(5, EV.EV_EFI_ACTION, 'Exit Boot Services Invocation'),
  hashed(5, EV.EV_EFI_ACTION, 'Exit Boot Services Returned with Success'),
];

/** The sections that `aUki` has and the stub measures, in its order. */
export const ukiSections = (changed: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => ({
  '.linux': 'a kernel',
  '.osrel': 'ID=test\n',
  '.cmdline': COMMAND_LINE,
  '.initrd': 'an initrd',
  ...changed,
});

/** A machine as it lies on disk, and what is asked about it. */
export interface Machine {
  readonly folder: string;
  put(path: string, content: Uint8Array | string): Promise<void>;
  remove(path: string): Promise<void>;
  /** The firmware's variable; undefined takes it away. */
  set(name: string, guid: string, value: Uint8Array | undefined): Promise<void>;
  preflight(
    events: readonly Measured[],
    change?: Partial<Omit<PreflightInput, 'crypto' | 'eventLog' | 'environment'>> & { readonly commandLine?: string },
  ): Promise<PreflightReport>;
}

/** Files go to its ESP; its firmware has the variables. Removed after the test. */
export async function aMachine(
  firmware: Firmware,
  files: Readonly<Record<string, Uint8Array | string>>,
): Promise<Machine> {
  const folder = await aFolder();
  const [esp, variables, disk] = [join(folder, 'efi'), join(folder, 'sys/firmware/efi/efivars'), join(folder, 'disk')];
  await mkdir(join(folder, 'proc'), { recursive: true });
  await mkdir(variables, { recursive: true });
  await writeFile(disk, gptDisk());
  const machine: Machine = {
    folder,
    async put(path, content) {
      await mkdir(dirname(join(esp, path)), { recursive: true });
      await writeFile(join(esp, path), content);
    },
    remove: (path) => rm(join(esp, path), { recursive: true }),
    async set(name, guid, value) {
      const file = join(variables, `${name}-${guid}`);
      await (value ? writeFile(file, concat(u32(7), value)) : rm(file, { force: true }));
    },
    async preflight(events, { commandLine = COMMAND_LINE, ...change } = {}) {
      await writeFile(join(folder, 'proc/cmdline'), `${commandLine}\n`);
      const environment = await linuxEnvironment({ root: folder, disk });
      const attestation = { outcome: 'passed', at: '2026-01-01T00:00:00.000Z', code: 'passed' } as const;
      return expectOk(await preflight({ crypto, eventLog: bootLog(events), environment, attestation, ...change }));
    },
  };
  for (const [path, content] of Object.entries(files)) await machine.put(path, content);
  await machine.set('SecureBoot', GLOBAL, Uint8Array.of(firmware.secureBoot ? 1 : 0));
  await machine.set('BootOrder', GLOBAL, orderOf(firmware));
  await machine.set('BootCurrent', GLOBAL, Uint8Array.of(firmware.order[0] ?? 0, 0));
  for (const [name, value] of Object.entries(firmware.options)) await machine.set(name, GLOBAL, value);
  if (firmware.db.length > 0) await machine.set('db', SECURITY, firmware.db);
  if (firmware.dbx.length > 0) await machine.set('dbx', SECURITY, firmware.dbx);
  return machine;
}

/** Protective block, header and a table with one entry in use. */
function gptDisk(): Uint8Array {
  const disk = new Uint8Array(34 * 512);
  const view = new DataView(disk.buffer);
  disk.set(utf8('EFI PART'), 512);
  disk.set(guidOf(GLOBAL), 512 + 56); // DiskGUID
  view.setUint32(512 + 72, 2, true);
  view.setUint32(512 + 80, 128, true);
  view.setUint32(512 + 84, 128, true);
  disk.set(guidOf(SECURITY), 1024);
  disk.set(guidOf(PARTITION), 1024 + 16);
  return disk;
}

/** EV_EFI_GPT_EVENT of that disk. */
export function gptEvent(): Measured {
  const disk = gptDisk();
  return hashed(
    5,
    EV.EV_EFI_GPT_EVENT,
    concat(disk.subarray(512, 512 + 92), u32(1), u32(0), disk.subarray(1024, 1152)),
  );
}
