import type { Client } from '@sekimori/client';
import type { Crypto } from '@sekimori/crypto-core';
import type { Certificate } from '@sekimori/pki';
import type { Clock } from '@sekimori/service-kit/program';
import type { Tpm } from '@sekimori/tpm2';
import type { HostState } from './state/state.ts';

/** What a guarded host works with. Its rejections are outages: `OutageError` of a service, `TpmOutageError` of the TPM. */
export interface HostDeps {
  readonly crypto: Crypto;
  readonly tpm: Tpm;
  /** The firmware's event log as it is now. */
  readonly readEventLog: () => Promise<Uint8Array>;
  readonly attestation: Client;
  /** Connected with the client key of `state`; see `openTlsIdentity`. */
  readonly keyProtection: Client;
  readonly state: HostState;
  readonly clock: Clock;
  /**
   * The CA over attestation signers, or signers themselves: a health certificate by any other is refused. Left out, the signer that
   * the attestation service sends is taken, as its TLS certificate was.
   */
  readonly signers?: readonly Certificate[];
}
