import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { type GuestState, sealGuestState, VTPM_STATE_KEY_BYTES, wipeGuestState } from '@sekimori/guest-state';
import { addOuterKey, keepOuterKey } from '@sekimori/qemu';
import { ok, type Result } from '@sekimori/result';
import { reencryptSwtpmState } from '@sekimori/tpm2-device/swtpm';
import { lockFile } from '../flock.ts';
import type { VmDisk } from './definition/schema.ts';
import { withDisk } from './disks.ts';
import { randomSecret } from '../random-secret.ts';
import { claim, releaseClaim, vmLocked } from './folder/claim.ts';
import { addGeneration, copyVtpm, keepGenerations, withVtpmFolder } from './folder/generations.ts';
import { vmPaths } from './folder/layout.ts';
import type { StartPorts } from './start.ts';
import { type KnownVm, knownVm, unlock } from './unlock.ts';

export interface RekeyReport {
  readonly generation: string;
  /** Disks that have another passphrase now. */
  readonly disks: string[];
}

/**
 * New keys for a VM that does not run: transport key, key of the vTPM's state, passphrases of outer disks. What a host learnt before opens
 * nothing of it any more, save what it copied: the disks' own volume keys stay. A crash at any moment leaves keys that open. Faults as
 * `startVm` has them.
 */
export async function rekeyVm(ports: StartPorts, folder: string): Promise<Result<RekeyReport>> {
  const known = await knownVm(crypto, folder);
  if (!known.ok) return known;
  const lock = await lockFile(vmPaths(folder).lock);
  if (!lock) return vmLocked(folder);
  try {
    const { settings, claimant } = ports;
    const leaseMillis = settings.leaseSeconds * 1000;
    const options = { atLeast: known.value.newest, fenced: false, leaseMillis, at: ports.now() };
    const claimed = await claim(folder, claimant, options);
    if (!claimed.ok) return claimed;
    try {
      const now = await knownVm(crypto, folder); // what was read before it was ours may be another host's by now
      return now.ok ? await newKeys(ports, now.value, claimed.value) : now;
    } finally {
      await releaseClaim(folder, claimed.value);
    }
  } finally {
    await lock.close();
  }
}

async function newKeys(ports: StartPorts, vm: KnownVm, generation: bigint): Promise<Result<RekeyReport>> {
  const unlocked = await unlock(crypto, vm, ports.release);
  if (!unlocked.ok) return unlocked;
  const { state, released } = unlocked.value;
  const { ingress, egress } = released.keys;
  ingress.wipe();
  const outer = vm.definition.disks.filter(({ mode }) => mode === 'outer');
  const next: GuestState = {
    ...state,
    vtpmStateKey: randomSecret(VTPM_STATE_KEY_BYTES),
    diskKeys: new Map(outer.map(({ name }) => [name, randomSecret(32)])),
  };
  const staging = vmPaths(vm.folder).rekeying;
  try {
    const vtpmFrom = await vtpmUnder(vm, staging, state.vtpmStateKey, next.vtpmStateKey);
    for (const disk of outer) {
      const added = await withDisk(vm.folder, disk, (path) => addOuterKey(path, keyOf(state, disk), keyOf(next, disk)));
      if (!added.ok) return added;
    }
    const guestState = sealGuestState(crypto, egress, { vmId: vm.vmId, generation }, next);
    await addGeneration(vm.folder, { generation, protector: released.egressProtector, guestState, vtpmFrom });
    // The generation before has keys that are to open nothing: no last known good one until the next start.
    await keepGenerations(vm.folder, [generation]);
    for (const disk of outer) {
      const kept = await withDisk(vm.folder, disk, (path) => keepOuterKey(path, keyOf(next, disk)));
      if (!kept.ok) return kept;
    }
    return ok({ generation: `${generation}`, disks: outer.map(({ name }) => name) });
  } finally {
    egress.wipe();
    wipeGuestState(state);
    wipeGuestState(next);
    await rm(staging, { recursive: true, force: true });
  }
}

/** Through a copy: the folder that it was in belonged to the user that the VM ran as. */
async function vtpmUnder(vm: KnownVm, staging: string, stateKey: Secret, newStateKey: Secret): Promise<string> {
  const [stateDir, target] = [join(staging, 'old'), join(staging, 'new')];
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging, { mode: 0o700 });
  await mkdir(target, { mode: 0o700 });
  await withVtpmFolder(vm.folder, vm.pair.generation, (path) => copyVtpm(path, stateDir));
  await reencryptSwtpmState({ stateDir, stateKey, target, newStateKey });
  return target;
}

function keyOf(state: GuestState, { name }: VmDisk): Secret {
  const key = state.diskKeys.get(name);
  if (!key) throw new Error(`the guest state has no key for ${name}`);
  return key;
}
