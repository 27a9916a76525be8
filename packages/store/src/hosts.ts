import type { AuditDraft, JsonValue } from '@sekimori/audit-log';
import type { Fault, Result } from '@sekimori/result';

/**
 * pending -> approved (by an operator) -> active (the AK is bound); any of them -> revoked, which is the end. Anyone can make a
 * pending host, so it keeps nothing from others: name and endorsement keys belong to a host from its approval on (`boundKeys`).
 */
export type HostState = 'pending' | 'approved' | 'active' | 'revoked';

export interface EndorsementKey {
  /** TPM2B_PUBLIC. */
  readonly public: Uint8Array;
  /** X.509, DER. */
  readonly certificate: Uint8Array;
  /** SHA-256 of the SubjectPublicKeyInfo, 64 lower-case hex digits. Bound to one host at most. */
  readonly spkiHash: string;
}

export interface AttestationKey {
  /** TPM2B_PUBLIC. */
  readonly public: Uint8Array;
  /** The TPM Name. Unique over all hosts that were not removed. */
  readonly name: Uint8Array;
}

/** From the last accepted quote. TPMS_CLOCK_INFO and firmwareVersion: TPM 2.0 Part 2, 10.11.1 and 10.12.12. */
export interface TpmCounters {
  readonly resetCount: number;
  readonly restartCount: number;
  /** Milliseconds of power-on. */
  readonly clock: bigint;
  readonly firmwareVersion: bigint;
}

export interface VerdictSummary {
  readonly at: Date;
  readonly outcome: 'good' | 'refused';
  /** Null when refused. */
  readonly certificateNotAfter: Date | null;
}

export interface NewHost {
  /** UUID, made by the caller. */
  readonly id: string;
  readonly name: string;
  /** The first one is the one an operator compares; credential activation proves all of them. */
  readonly endorsementKeys: readonly [EndorsementKey, ...EndorsementKey[]];
  readonly properties: JsonValue;
  readonly enrolledAt: Date;
}

/** The identity row. Its endorsement keys never change, and its attestation key is set once. */
export interface HostRecord extends NewHost {
  readonly state: HostState;
  /** `spkiHash` of the first endorsement key. */
  readonly ekFingerprint: string;
  readonly attestationKey: AttestationKey | null;
  readonly counters: TpmCounters | null;
  readonly approvedAt: Date | null;
  readonly approvedBy: string | null;
  readonly revokedAt: Date | null;
  readonly revokedBy: string | null;
  readonly revocationReason: string | null;
  /** When an operator freed the name and keys of a revoked host. */
  readonly removedAt: Date | null;
  readonly removedBy: string | null;
  /** The last failed activation that stands in the audit log. */
  readonly activationFailedAt: Date | null;
  readonly lastVerdict: VerdictSummary | null;
}

export interface Enrolment {
  readonly host: NewHost;
  /** Hosts that may wait for approval at one time, this one counted. */
  readonly maxPending: number;
}
export type EnrolmentFault = Fault<'duplicate-name' | 'duplicate-ek'>;

/** Hosts that may wait with the same first endorsement key. */
export const PENDING_PER_KEY = 4;

export interface Approval {
  readonly id: string;
  /** What the operator compared out of band. */
  readonly ekFingerprint: string;
  readonly by: string;
  readonly at: Date;
  readonly audit: AuditDraft;
}
export type ApprovalFault = Fault<
  'unknown-host' | 'host-not-pending' | 'fingerprint-mismatch' | 'duplicate-name' | 'duplicate-ek'
>;

export interface HostRevocation {
  readonly id: string;
  readonly by: string;
  readonly reason: string;
  readonly at: Date;
  readonly audit: AuditDraft;
}

export interface HostRemoval {
  readonly id: string;
  readonly by: string;
  readonly at: Date;
  readonly audit: AuditDraft;
}

export interface HostStore {
  /**
   * A host whose keys are bound: the same name with the same keys, whole and in this order, is the same host, unless it was
   * revoked; its present record comes back and nothing is written. `duplicate-ek`: a key is bound otherwise (a cloned TPM),
   * or comes twice. `duplicate-name`: the name is bound. Else it waits, beside whoever asks for the same: only the very same
   * request (properties too) gives the present record. Nobody is locked out by those who wait: past `maxPending` hosts, and
   * past `PENDING_PER_KEY` of one first key, the oldest gives way. No audit entry: nothing is decided yet.
   */
  enrolHost(command: Enrolment): Promise<Result<HostRecord, EnrolmentFault>>;
  /**
   * Binds the name and the first endorsement key: the one that was compared. Hosts that wait with that key are forgotten.
   * `duplicate-name`, `duplicate-ek`: bound to another host.
   */
  approveHost(command: Approval): Promise<Result<HostRecord, ApprovalFault>>;
  /** With all its outstanding certificates and its open activations. A second time changes nothing. */
  revokeHost(command: HostRevocation): Promise<Result<HostRecord, Fault<'unknown-host'>>>;
  /**
   * Frees the name and the keys of a revoked host, so that the machine can be enrolled anew. Its row stays for history, and
   * it stays revoked; `hosts` and `countHosts` leave it out. A second time changes nothing.
   */
  removeHost(command: HostRemoval): Promise<Result<HostRecord, Fault<'unknown-host' | 'host-not-revoked'>>>;
  /** Forgets at most `limit` hosts that wait since before then; gives their number. */
  prunePendingHosts(command: { readonly enrolledBefore: Date; readonly limit: number }): Promise<number>;
  host(id: string): Promise<HostRecord | undefined>;
  /** The one that the name is bound to. Those who only wait are several, perhaps. */
  hostByName(name: string): Promise<HostRecord | undefined>;
  countHosts(): Promise<Readonly<Record<HostState, number>>>;
  /** In the order of their ids, from the one after `after`: names are not unique while hosts wait. */
  hosts(page: {
    readonly state?: HostState;
    readonly after?: string;
    readonly limit: number;
  }): Promise<readonly HostRecord[]>;
}
