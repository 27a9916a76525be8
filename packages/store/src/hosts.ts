import type { AuditDraft, JsonValue } from '@sekimori/audit-log';
import type { Fault, Result } from '@sekimori/result';

/** pending -> approved (by an operator) -> active (the AK is bound); any of them -> revoked, which is the end. */
export type HostState = 'pending' | 'approved' | 'active' | 'revoked';

export interface EndorsementKey {
  /** TPM2B_PUBLIC. */
  readonly public: Uint8Array;
  /** X.509, DER. */
  readonly certificate: Uint8Array;
  /** SHA-256 of the SubjectPublicKeyInfo, 64 lower-case hex digits. Unique over all hosts. */
  readonly spkiHash: string;
}

export interface AttestationKey {
  /** TPM2B_PUBLIC. */
  readonly public: Uint8Array;
  /** The TPM Name. Unique over all hosts. */
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
  /** The first one is the one an operator compares and credential activation uses. */
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
  readonly lastVerdict: VerdictSummary | null;
}

export interface Enrolment {
  readonly host: NewHost;
  /** Hosts that may wait for approval at one time, this one counted. */
  readonly maxPending: number;
  readonly audit: AuditDraft;
}
export type EnrolmentFault = Fault<'duplicate-name' | 'duplicate-ek' | 'too-many-pending'>;

export interface Approval {
  readonly id: string;
  /** What the operator compared out of band. */
  readonly ekFingerprint: string;
  readonly by: string;
  readonly at: Date;
  readonly audit: AuditDraft;
}
export type ApprovalFault = Fault<'unknown-host' | 'host-not-pending' | 'fingerprint-mismatch'>;

export interface HostRevocation {
  readonly id: string;
  readonly by: string;
  readonly reason: string;
  readonly at: Date;
  readonly audit: AuditDraft;
}

export interface HostStore {
  /**
   * The same name with the same set of endorsement keys is the same host, unless it was revoked: its present record comes
   * back and nothing is written. `duplicate-ek`: one of the keys belongs to another host (a cloned TPM), or comes twice.
   */
  enrolHost(command: Enrolment): Promise<Result<HostRecord, EnrolmentFault>>;
  approveHost(command: Approval): Promise<Result<HostRecord, ApprovalFault>>;
  /** With all its outstanding certificates and its open activation. A second time changes nothing. */
  revokeHost(command: HostRevocation): Promise<Result<HostRecord, Fault<'unknown-host'>>>;
  host(id: string): Promise<HostRecord | undefined>;
  hostByName(name: string): Promise<HostRecord | undefined>;
  countHosts(): Promise<Readonly<Record<HostState, number>>>;
  /** By name, from the one after `after`. */
  hosts(page: {
    readonly state?: HostState;
    readonly after?: string;
    readonly limit: number;
  }): Promise<readonly HostRecord[]>;
}
