import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { parseVmId, type VmId } from '@sekimori/guest-state';
import { createGuardian, type GuardianKeys } from '@sekimori/key-protector';
import { expectOk, ok, type Result } from '@sekimori/result';
import type { Tpm } from '@sekimori/tpm2';
import { type ManufacturedVirtualTpm, manufactureVirtualTpm, withVirtualTpm } from '../../src/vtpm/index.ts';

export const AT = new Date('2026-06-01T00:00:00Z');
export const VM = parseVmId('3f1f0f0e-0000-4000-8000-00000000abcd') as VmId;
export const OTHER_VM = parseVmId('3f1f0f0e-0000-4000-8000-00000000beef') as VmId;
export const randomKey = (length = 32) => new Secret(crypto.random(length));

/** A VM with its owner and its TPM, in a folder of its own. */
export interface OwnedVm extends ManufacturedVirtualTpm {
  readonly folder: string;
  readonly owner: GuardianKeys;
  readonly recoveryKey: Secret;
  readonly vm: { readonly id: VmId; readonly owner: GuardianKeys['guardian'] };
  at(name: string): string;
  /** With the VM's TPM; `work` may throw. */
  use<T>(work: (tpm: Tpm) => Promise<T>): Promise<T>;
  remove(): Promise<void>;
}

export async function ownedVm(parts: { readonly owner?: GuardianKeys; readonly vmId?: VmId } = {}): Promise<OwnedVm> {
  const { owner = (await createGuardian(crypto, 'alice', AT)).keys, vmId = VM } = parts;
  const folder = await mkdtemp(join(tmpdir(), 'sekimori-vm-'));
  const [stateDir, stateKey] = [join(folder, 'vtpm'), randomKey()];
  const made = expectOk(await manufactureVirtualTpm({ crypto, owner, vmId, at: AT, stateDir, stateKey }));
  return {
    ...made,
    folder,
    owner,
    recoveryKey: randomKey(),
    vm: { id: vmId, owner: owner.guardian },
    at: (name) => join(folder, name),
    use: async <T>(work: (tpm: Tpm) => Promise<T>) => {
      const used: Result<T> = await withVirtualTpm({ crypto, stateDir, stateKey }, async (tpm) => ok(await work(tpm)));
      return expectOk(used);
    },
    remove: () => rm(folder, { recursive: true }),
  };
}
