import { constants } from 'node:fs';
import { chmod, copyFile, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { utf8 } from '@sekimori/bytes';
import type { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import {
  sealGuestState,
  securityPolicyHash,
  signSecurityPolicy,
  VTPM_STATE_KEY_BYTES,
  type VmId,
  wipeGuestState,
} from '@sekimori/guest-state';
import { type Guardian, type GuardianKeys, newKeyProtector } from '@sekimori/key-protector';
import { writePem } from '@sekimori/pki';
import { createOuterDisk } from '@sekimori/qemu';
import { expectOk, fail, ok, type Result } from '@sekimori/result';
import { syncFolder, writePrivateFile } from '@sekimori/service-kit/program';
import { lockFile } from '../flock.ts';
import { type BootPolicy, encryptGuestDisk, sealRecovery } from '../guest-disk/index.ts';
import { type ManufacturedVirtualTpm, manufactureVirtualTpm, withVirtualTpm } from '../vtpm/index.ts';
import { checkDefinition, policyOf } from './definition/check.ts';
import type { VmDefinition, VmDisk } from './definition/schema.ts';
import { claim, type Claimant, releaseClaim } from './folder/claim.ts';
import { addGeneration, generationsOf } from './folder/generations.ts';
import { vmPaths } from './folder/layout.ts';
import { placeOf } from './disks.ts';
import { randomSecret } from '../random-secret.ts';
import { freePlaces, notePlaced, staged } from './shield-places.ts';
import { definitionIn } from './unlock.ts';

export interface ShieldOptions {
  readonly folder: string;
  readonly owner: GuardianKeys;
  /** Who may start the VM beside its owner: the fabrics' guardians. */
  readonly guardians: readonly Guardian[];
  /** For each disk, by name, the raw image in clear. It stays as it is. */
  readonly sources: ReadonlyMap<string, string>;
  /** The firmware's variables that the VM starts with. */
  readonly nvram: Uint8Array;
  /** Boots that the owner approved already. */
  readonly bootPolicies: readonly BootPolicy[];
  /** Approves the boot of the disk in mode `boot`, which lies at the path given by now. Left out: no further boot is approved. */
  readonly learnBoot?: (definition: VmDefinition, bootDisk: string) => Promise<Result<BootPolicy>>;
  readonly claimant: Claimant;
  readonly at: Date;
  readonly progress?: (step: string) => void;
}

/**
 * Makes a VM its owner's, on the owner's machine: vTPM, disks, security policy, protector. Nothing but what is encrypted, signed or
 * measured is left in the folder, and no first boot has to be trusted. Whole or not at all: the first generation appears last, and what
 * a crash left is removed by the next try. `vm-shielded-already`, `vm-disk-source`, `vm-disk-exists`, `vm-disk-device`, `vm-disk-unsafe`, and
 * faults of the parts.
 */
export async function shieldVm(options: ShieldOptions): Promise<Result<{ readonly vmId: VmId }>> {
  const { folder, progress } = options;
  const read = await definitionIn(folder);
  if (!read.ok) return read;
  const { definition, vmId } = read.value;
  const policy = policyOf(read.value);
  const allowed = checkDefinition(read.value, policy);
  if (!allowed.ok) return allowed;
  const lock = await lockFile(vmPaths(folder).lock);
  if (!lock) return fail('vm-locked', 'somebody works on this VM');
  const { shielding } = vmPaths(folder);
  try {
    if ((await generationsOf(folder)).length > 0)
      return fail('vm-shielded-already', 'its owner has shielded it already');
    const ready = await readyFor(options, definition);
    if (!ready.ok) return ready;
    await mkdir(shielding, { mode: 0o700 });
    const made = await makeParts(options, definition, vmId);
    if (!made.ok) return made;
    progress?.('sealing');
    const policyText = await signSecurityPolicy(options.owner, policy);
    await putInPlace(options, definition, policyText, made.value.vtpm);
    const claimed = await claim(folder, options.claimant, {
      atLeast: 0n,
      fenced: true,
      leaseMillis: 0,
      at: options.at,
    });
    if (!claimed.ok) return claimed;
    const sealed = await protect(options, { vmId, policyText, generation: claimed.value, parts: made.value });
    if (!sealed.ok) return sealed;
    await addGeneration(folder, { generation: claimed.value, ...sealed.value, vtpmFrom: join(shielding, 'vtpm') });
    await rm(shielding, { recursive: true, force: true });
    await releaseClaim(folder, claimed.value);
    return ok({ vmId });
  } finally {
    await lock.close();
  }
}

/** Every disk has a source, and nothing lies where it goes. What an earlier try left is removed. */
async function readyFor({ folder, sources }: ShieldOptions, { disks }: VmDefinition): Promise<Result<void>> {
  for (const { name } of disks) {
    const source = sources.get(name);
    if (source === undefined) return fail('vm-disk-source', `no image is given for the disk ${name}`);
    if (!(await exists(source))) return fail('vm-disk-source', `there is no ${source}`);
  }
  const unknown = [...sources.keys()].find((name) => !disks.some((disk) => disk.name === name));
  if (unknown !== undefined) return fail('vm-disk-source', `the definition has no disk ${unknown}`);
  return freePlaces(folder, disks);
}

interface Parts {
  readonly vtpmStateKey: Secret;
  readonly diskKeys: ReadonlyMap<string, Secret>;
  readonly vtpm: ManufacturedVirtualTpm;
}

/** vTPM and disks, in the folder of the work under way. */
async function makeParts(options: ShieldOptions, definition: VmDefinition, vmId: VmId): Promise<Result<Parts>> {
  const { folder, owner, at, progress } = options;
  const inStaging = (name: string) => join(vmPaths(folder).shielding, name);
  const [vtpmStateKey, recoveryKey] = [randomSecret(VTPM_STATE_KEY_BYTES), randomSecret(32)];
  progress?.('making its vTPM');
  const stateDir = inStaging('vtpm');
  const vtpm = await manufactureVirtualTpm({ crypto, owner, vmId, at, stateDir, stateKey: vtpmStateKey });
  if (!vtpm.ok) return vtpm;
  for (const disk of definition.disks.filter(({ mode }) => mode === 'boot')) {
    await copyFile(sourceOf(options, disk), staged(folder, disk), constants.COPYFILE_FICLONE);
    await chmod(staged(folder, disk), 0o600);
  }
  const bootPolicies = await bootPoliciesFor(options, definition);
  if (!bootPolicies.ok) return bootPolicies;
  const diskKeys = new Map<string, Secret>();
  for (const disk of definition.disks.filter(({ mode }) => mode === 'outer')) {
    progress?.(`encrypting ${disk.name}`);
    const key = randomSecret(32);
    diskKeys.set(disk.name, key);
    const encrypted = await createOuterDisk({ source: sourceOf(options, disk), target: staged(folder, disk), key });
    if (!encrypted.ok) return encrypted;
  }
  const guestDisks = definition.disks.filter(({ mode }) => mode === 'guest');
  const { ownerAuth } = vtpm.value;
  const vm = { id: vmId, owner: owner.guardian };
  const encrypted = await withVirtualTpm({ crypto, stateDir, stateKey: vtpmStateKey }, async (tpm) => {
    const common = { crypto, recoveryKey, vm, tpm, ownerAuth, bootPolicies: bootPolicies.value };
    for (const [number, disk] of guestDisks.entries()) {
      progress?.(`encrypting ${disk.name}`);
      const [source, target] = [sourceOf(options, disk), staged(folder, disk)];
      const done = await encryptGuestDisk({ ...common, source, target, disk: number });
      if (!done.ok) return done;
    }
    return ok(undefined);
  });
  if (!encrypted.ok) return encrypted;
  const recovery = sealRecovery(crypto, owner.guardian, vmId, { recoveryKey, ownerAuth });
  expectOk(await writePrivateFile(inStaging('recovery'), recovery));
  for (const secret of [recoveryKey, ownerAuth]) secret.wipe();
  return ok({ vtpmStateKey, diskKeys, vtpm: vtpm.value });
}

async function bootPoliciesFor(
  { folder, bootPolicies, learnBoot, progress }: ShieldOptions,
  definition: VmDefinition,
): Promise<Result<readonly BootPolicy[]>> {
  const boot = definition.disks.find(({ mode }) => mode === 'boot');
  const hasGuestDisk = definition.disks.some(({ mode }) => mode === 'guest');
  if (!hasGuestDisk || !learnBoot) return ok(bootPolicies);
  if (!boot) return fail('vm-definition-refused', 'a VM with a disk in mode guest boots from one in mode boot');
  progress?.('booting once, to learn what is to be approved: a minute as a rule, five at most');
  const learnt = await learnBoot(definition, staged(folder, boot));
  return learnt.ok ? ok([...bootPolicies, learnt.value]) : learnt;
}

async function putInPlace(
  { folder }: ShieldOptions,
  definition: VmDefinition,
  policyText: string,
  vtpm: ManufacturedVirtualTpm,
): Promise<void> {
  const paths = vmPaths(folder);
  await notePlaced(folder, definition.disks);
  for (const disk of definition.disks) await rename(staged(folder, disk), placeOf(folder, disk));
  await rename(join(paths.shielding, 'recovery'), paths.recovery);
  const { endorsementAuthority, endorsementCertificates: ek } = vtpm;
  const pem = [ek.rsa2048, ek.eccP384, endorsementAuthority].map((der) => writePem('CERTIFICATE', der)).join('');
  expectOk(await writePrivateFile(paths.vtpmCertificates, utf8(pem), { replace: true }));
  expectOk(await writePrivateFile(paths.securityPolicy, utf8(policyText), { replace: true }));
  for (const parent of new Set(definition.disks.map((disk) => dirname(placeOf(folder, disk)))))
    await syncFolder(parent);
  await syncFolder(folder);
}

async function protect(
  { owner, guardians, at, nvram }: ShieldOptions,
  vm: { readonly vmId: VmId; readonly policyText: string; readonly generation: bigint; readonly parts: Parts },
): Promise<Result<{ readonly protector: Uint8Array; readonly guestState: Uint8Array }>> {
  const made = await newKeyProtector(crypto, { owner, guardians, at });
  if (!made.ok) return made;
  const { protector, transportKey } = made.value;
  const { vmId, generation, parts } = vm;
  const state = {
    owner: owner.guardian.digest,
    securityPolicy: securityPolicyHash(crypto, vm.policyText),
    vtpmStateKey: parts.vtpmStateKey,
    diskKeys: parts.diskKeys,
    nvram,
  };
  const guestState = sealGuestState(crypto, transportKey, { vmId, generation }, state);
  transportKey.wipe();
  wipeGuestState(state);
  return ok({ protector, guestState });
}

function sourceOf({ sources }: ShieldOptions, { name }: VmDisk): string {
  const source = sources.get(name);
  if (source === undefined) throw new Error('every disk has a source by now');
  return source;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
