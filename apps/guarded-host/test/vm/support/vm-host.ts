import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { createGuardian, type GuardianKeys } from '@sekimori/key-protector';
import { expectOk } from '@sekimori/result';
import { Value } from 'typebox/value';
import type { Claimant } from '../../../src/vm/folder/claim.ts';
import { createVm, type NewVm } from '../../../src/vm/create.ts';
import { releaseLocally, type ReleaseKeys } from '../../../src/vm/keys.ts';
import { firmwareFor, VmSettings } from '../../../src/vm/settings.ts';
import { shieldVm, type ShieldOptions } from '../../../src/vm/shield.ts';
import { VirtualMachines } from '../../../src/vm/virtual-machines.ts';

const at = new Date();
const { keys: owner } = await createGuardian(crypto, 'Owner', at);
const { keys: fabric } = await createGuardian(crypto, 'Fabric', at);
export { fabric, owner };

/** Settings with the defaults, in folders of the test. Short: sockets lie in them. */
export async function vmSettings(folder: string, others: Partial<VmSettings> = {}): Promise<VmSettings> {
  const [vms, runFolder] = [join(folder, 'vms'), join(folder, 'run')];
  await mkdir(vms, { recursive: true, mode: 0o700 });
  const settings = Value.Default(VmSettings, {
    folders: [vms],
    runFolder,
    allow: { accelerators: ['tcg'] },
    ...others,
  }) as VmSettings;
  return settings;
}

/** A folder that another user may pass through, as /run is. */
export async function aPlace(): Promise<{ readonly folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'vm-'));
  await chmod(folder, 0o711);
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

export const claimantNamed = (host: string): Claimant => ({ machine: `machine-${host}`, boot: `boot-${host}`, host });

/** The VMs of one host. By default in local mode: the fabric's guardian opens what is for it. */
export async function vmHost(
  settings: VmSettings,
  options: { readonly host?: string; readonly release?: ReleaseKeys; readonly log?: string[] } = {},
): Promise<VirtualMachines> {
  return VirtualMachines.open({
    settings,
    claimant: claimantNamed(options.host ?? 'a'),
    release: options.release ?? releaseLocally(crypto, [fabric]),
    now: () => new Date(),
    log: (event, detail) => void options.log?.push(`${event} ${JSON.stringify(detail)}`),
  });
}

/** A VM with one outer disk, shielded by `owner` for the fabric. */
export async function aShieldedVm(
  settings: VmSettings,
  name: string,
  parts: {
    readonly image: Uint8Array;
    readonly vm?: Partial<NewVm>;
    readonly owner?: GuardianKeys;
  } & Partial<ShieldOptions>,
): Promise<{ readonly folder: string; readonly id: string }> {
  const { image, vm, ...others } = parts;
  const made = expectOk(
    await createVm(settings.folders[0]!, name, {
      security: 'encryption-supported',
      machine: { accelerator: 'tcg', cpus: 1, memoryMiB: 128 },
      firmware: { secureBoot: false },
      disks: [{ name: 'disk', file: 'disk.img', mode: 'outer', bootIndex: 0 }],
      devices: { serial: true },
      ...vm,
    }),
  );
  const source = join(made.folder, '..', `${name}.clear`);
  await writeFile(source, image);
  const secureBoot = vm?.firmware?.secureBoot === true;
  const { variables } = firmwareFor(settings, { secureBoot });
  expectOk(
    await shieldVm({
      folder: made.folder,
      owner,
      guardians: [fabric.guardian],
      sources: new Map([['disk', source]]),
      nvram: Uint8Array.from(await readFile(variables)),
      bootPolicies: [],
      claimant: claimantNamed('owner'),
      at: new Date(),
      ...others,
    }),
  );
  await rm(source);
  return made;
}

/** All that the guest writes to its serial port until it says `until`, or its machine ends. */
export async function serialText(socket: string, until: string, limitMillis = 60_000): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const serial = connect(socket);
    const late = setTimeout(
      () => serial.destroy(new Error(`the guest did not say "${until}" but: ${text}`)),
      limitMillis,
    );
    const done = () => {
      clearTimeout(late);
      serial.destroy();
      resolve(text);
    };
    serial.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes(until)) done();
    });
    serial.once('close', done);
    serial.once('error', (error) => {
      clearTimeout(late);
      reject(error);
    });
  });
}
