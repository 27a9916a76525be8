import { equal } from '@sekimori/bytes';
import type { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { openGuestState, sealGuestState, type VmId, wipeGuestState } from '@sekimori/guest-state';
import { ok, type Result } from '@sekimori/result';
import { readPair, replaceGuestState } from './folder/generations.ts';
import type { ReleaseKeys } from './keys.ts';

/** Writes back what the firmware changed while the VM ran. */
export class NvramKeeper {
  readonly #vm: { readonly folder: string; readonly vmId: VmId; readonly generation: bigint };
  #transportKey: Secret | undefined;
  /** SHA-256 of what is sealed; undefined until it is known. */
  #sealed: Uint8Array | undefined;

  /** `transportKey`: of this generation's protector. After a restart of the agent it is asked for when it is needed. */
  constructor(
    vm: { readonly folder: string; readonly vmId: VmId; readonly generation: bigint },
    known?: { readonly transportKey: Secret; readonly nvram: Uint8Array },
  ) {
    this.#vm = vm;
    this.#transportKey = known?.transportKey;
    this.#sealed = known && crypto.hash('sha256', known.nvram);
  }

  /** Seals the guest state anew where the variables are others by now. Faults of the release and of the state. */
  async keep(nvram: Uint8Array, release: ReleaseKeys): Promise<Result<'kept' | 'unchanged'>> {
    const digest = crypto.hash('sha256', nvram);
    if (this.#sealed && equal(this.#sealed, digest)) return ok('unchanged');
    const { folder, vmId, generation } = this.#vm;
    const pair = await readPair(folder, generation);
    if (!pair.ok) return pair;
    const key = await this.#key(pair.value.protector, release);
    if (!key.ok) return key;
    const opened = openGuestState(crypto, key.value, { vmId, generation }, pair.value.guestState);
    if (!opened.ok) return opened;
    const before = opened.value;
    if (!equal(before.nvram, nvram)) {
      const state = sealGuestState(crypto, key.value, { vmId, generation }, { ...before, nvram });
      await replaceGuestState(folder, generation, state);
    }
    wipeGuestState(before);
    this.#sealed = digest;
    return ok('kept');
  }

  /** Forgets the key. */
  close(): void {
    this.#transportKey?.wipe();
    this.#transportKey = undefined;
  }

  /** Opening the protector again rolls it; the rolled one is not used, and the one at hand stays good. */
  async #key(protector: Uint8Array, release: ReleaseKeys): Promise<Result<Secret>> {
    if (this.#transportKey) return ok(this.#transportKey);
    const released = await release(protector);
    if (!released.ok) return released;
    const { ingress, egress } = released.value.keys;
    egress.wipe();
    this.#transportKey = ingress;
    return ok(ingress);
  }
}
