import type { Crypto, HashName, Secret } from '@sekimori/crypto-core';
import type { CertificateAuthority } from '@sekimori/pki';
import type { EkTemplateName, TpmTransport } from '@sekimori/tpm2';
import { endorse, USUAL_KEYS } from './endorsement.ts';
import { execute } from './execute.ts';
import { Machine, type RsaKeySource } from './machine.ts';
import type { StartupLocality } from './pcrs.ts';
import { loadState, saveState } from './saved-state.ts';

export interface SoftwareTpmOptions {
  readonly crypto: Crypto;
  /** Issues the endorsement certificates in NV; see `createVendorCa`. Without it there are none. */
  readonly vendorCa?: CertificateAuthority;
  /** Of the EK Credential Profile, with certificates where there is a vendor. Default: L-1 and H-3, as swtpm has them. */
  readonly endorsementKeys?: readonly EkTemplateName[];
  /** Default SHA-256 alone, as a firmware that extends no other bank must have it. */
  readonly banks?: readonly HashName[];
  /** Turns the TPM's clock and dates its certificates. Default: the machine's clock. */
  readonly now?: () => Date;
  /** Where RSA keys come from, which take 100 ms and more to make. Default: `crypto.generateKey`. */
  readonly rsaKey?: RsaKeySource;
  /** Of an earlier TPM, from `save`: the same TPM after a power cycle. */
  readonly state?: Secret;
}

export interface SoftwareTpm {
  readonly transport: TpmTransport;
  readonly banks: readonly HashName[];
  /** A TPM Reset as a cold boot does it: power off and on, then TPM2_Startup(CLEAR) from `locality`. */
  reset(this: void, locality?: StartupLocality): void;
  /** Power off and on alone: TPM2_Startup comes next, and after TPM2_Shutdown(STATE) it may resume. */
  powerCycle(this: void, locality?: StartupLocality): void;
  /** As firmware does it, in each of the banks given; without waiting for commands under way. Throws for a PCR or bank that is not there. */
  extendPcr(this: void, index: number, digests: ReadonlyMap<HashName, Uint8Array>): void;
  /** What outlasts the power, private keys in clear among it: for a file of mode 0600, in demonstrations. */
  save(this: void): Promise<Secret>;
}

/** A TPM 2.0 in this process, started by its firmware. For tests, load and demonstration: its secrets are ordinary memory. */
export function createSoftwareTpm(options: SoftwareTpmOptions): SoftwareTpm {
  const { crypto, vendorCa, banks = ['sha256'], now = () => new Date(), state } = options;
  const rsaKey = options.rsaKey ?? ((bits) => crypto.generateKey({ type: 'rsa', bits }));
  const machine = new Machine({ crypto, banks, now, rsaKey });
  if (state) loadState(machine, state);
  endorse(machine, vendorCa, now(), options.endorsementKeys ?? USUAL_KEYS);
  const tpm: SoftwareTpm = {
    transport: transportTo(machine),
    banks,
    powerCycle: (locality = 0) => machine.powerCycle(locality),
    reset: (locality = 0) => {
      // a state kept by TPM2_Shutdown(STATE) would make this a restart
      if (machine.shutdown === 'state') machine.shutdown = 'clear';
      machine.powerCycle(locality);
      machine.startup('clear');
    },
    extendPcr: (index, digests) => {
      for (const [bank, digest] of digests)
        if (!machine.pcrs.extend(index, bank, digest)) throw new RangeError(`no PCR ${index} in a bank ${bank}`);
    },
    save: () => saveState(machine),
  };
  tpm.reset();
  return tpm;
}

/** One command at a time, in the order they came. One under way is answered in full, as by a TPM that hears of no cancellation. */
function transportTo(machine: Machine): TpmTransport {
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;
  return {
    transmit: (command, { signal } = {}) => {
      if (closed) return Promise.reject(new Error('the transport is closed'));
      const bytes = Uint8Array.from(command);
      const answer = last.then(() => {
        signal?.throwIfAborted();
        return execute(machine, bytes);
      });
      last = answer.catch(() => {});
      return answer;
    },
    close: async () => {
      closed = true;
    },
  };
}
