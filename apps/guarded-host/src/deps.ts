import type { Client } from '@sekimori/client';
import type { Crypto } from '@sekimori/crypto-core';
import type { Certificate } from '@sekimori/pki';
import type { Result } from '@sekimori/result';
import type { Clock } from '@sekimori/service-kit/program';
import type { Tpm } from '@sekimori/tpm2';
import { Failover, type ServiceNode } from './failover.ts';
import type { HostFault } from './faults.ts';
import type { ServiceHealth } from './in-order.ts';
import { SharedWork } from './shared-work.ts';
import type { HostState } from './state/state.ts';

/** The machine itself. */
interface MachineDeps {
  readonly crypto: Crypto;
  readonly tpm: Tpm;
  /** The firmware's event log as it is now. */
  readonly readEventLog: () => Promise<Uint8Array>;
  /** The list of IMA as it is now. Left out, PCR 10 cannot be shown. */
  readonly readImaList?: () => Promise<Uint8Array>;
  readonly clock: Clock;
}

/** What a guarded host works with at one attestation service. Rejections are outages: `OutageError` of the service, `TpmOutageError`. */
export interface AttestDeps extends MachineDeps {
  readonly attestation: Client;
  /** The address behind `attestation`, for the record. */
  readonly url?: string;
  /** What this host is to this service. */
  readonly state: HostState;
  /**
   * The CA over attestation signers, or signers themselves: a health certificate by any other is refused. Left out, the signer that
   * the attestation service sends is taken, as its TLS certificate was.
   */
  readonly signers?: readonly Certificate[];
}

/** One of the attestation services of a host: each has its own enrolment and health certificate. */
export interface AttestationService {
  /** 'default' where there is one alone. */
  readonly name: string;
  readonly nodes: readonly ServiceNode[];
  readonly state: HostState;
  readonly signers?: readonly Certificate[];
}

export interface KeyProtectionService {
  /** Connected with the TLS client key of the host; see `openTlsIdentity`. */
  readonly nodes: readonly ServiceNode[];
  /** Hex fingerprint of the guardian it serves: asked for its protectors alone. Left out, it is asked for all. */
  readonly guardian?: string;
}

/** What it takes to stay attested. */
export interface AttestingDeps extends MachineDeps {
  /** In the order in which they are asked. */
  readonly attestation: readonly AttestationService[];
  /** Which addresses failed lately; one of each for the life of the program. */
  readonly failover: { readonly attestation: Failover; readonly keyProtection: Failover };
  /** A service takes one attestation of a host at a time. */
  readonly attesting: SharedWork<Result<ServiceHealth, HostFault>>;
}

/** What a guarded host works with. Its rejections are outages: `OutageError` of the services, `TpmOutageError` of the TPM. */
export interface HostDeps extends AttestingDeps {
  /** In the order in which they are asked. */
  readonly keyProtection: readonly KeyProtectionService[];
}

/** The short form: one attestation service and one key protection service. */
export function onePair(deps: AttestDeps & { readonly url: string }, keyProtection: ServiceNode): HostDeps {
  const { attestation, url, state, signers, ...machine } = deps;
  const nodes = [{ url, client: attestation }];
  return {
    ...machine,
    attestation: [{ name: 'default', nodes, state, ...(signers && { signers }) }],
    keyProtection: [{ nodes: [keyProtection] }],
    failover: { attestation: new Failover(machine.clock), keyProtection: new Failover(machine.clock) },
    attesting: new SharedWork(),
  };
}

/** The deps for one node of one service. */
export function attestDepsOf(
  deps: MachineDeps,
  { state, signers }: AttestationService,
  { url, client }: ServiceNode,
): AttestDeps {
  const { crypto, tpm, readEventLog, readImaList, clock } = deps;
  const machine = { crypto, tpm, readEventLog, ...(readImaList && { readImaList }), clock };
  return { ...machine, attestation: client, url, state, ...(signers && { signers }) };
}
