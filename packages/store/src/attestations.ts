import type { AuditDraft, JsonValue } from '@sekimori/audit-log';
import type { Fault, Result } from '@sekimori/result';
import type { AuditDrafts } from './audit.ts';
import type { TpmCounters } from './hosts.ts';

/**
 * How far the clocks of services may be apart, generously. Used challenges and revoked certificates stay on record that
 * much longer than they live, so that a node whose clock is behind sees them too.
 */
export const CLOCK_GRACE_MILLIS = 10 * 60 * 1000;

/** Verdicts of one host that are kept, and their boot logs; the audit log keeps every decision. */
export const KEPT_VERDICTS = 20;

export interface QuotedPcr {
  readonly index: number;
  /** Lower-case hex. */
  readonly value: string;
}

export interface IssuedCertificate {
  /** Lower-case hex; unique. */
  readonly serial: string;
  /** When the challenge of its Evidence was made. */
  readonly evidenceTime: Date;
  readonly notAfter: Date;
  readonly der: Uint8Array;
}

/**
 * Refused revokes the host's outstanding certificates. Late is authentic Evidence from before what was accepted last (the
 * TPM's counters say so): it is refused as well, and revokes nothing.
 */
export type AttestationOutcome =
  | { readonly kind: 'good'; readonly certificate: IssuedCertificate }
  | { readonly kind: 'refused' }
  | { readonly kind: 'late' };

/** Authentic Evidence: valid challenge, signed by the attestation key. What is not authentic writes nothing. */
export interface Attestation {
  /** SHA-256 of the challenge, 64 lower-case hex digits: unique, so a challenge is good once. */
  readonly challengeHash: string;
  readonly challengeExpiresAt: Date;
  readonly hostId: string;
  /** The Name of the key that the Evidence was verified with. */
  readonly attestationKeyName: Uint8Array;
  readonly at: Date;
  readonly outcome: AttestationOutcome;
  /** With every finding, for the operator. */
  readonly verdict: JsonValue;
  readonly pcrs: readonly QuotedPcr[];
  readonly counters: TpmCounters;
  /** The boot log without padding; stored once for all attestations that bring the same. */
  readonly log: Uint8Array;
  readonly audit: AuditDrafts;
}

/**
 * `challenge-used`, `challenge-expired`; `host-changed`: not active any more, or with another attestation key than was
 * appraised; `counters-went-back`: counters before the last accepted ones (Evidence from before, or a cleared TPM) with
 * another outcome than late. After each of them nothing is written; after the last one the caller may record that it is late.
 */
export type AttestationFault = Fault<'challenge-used' | 'challenge-expired' | 'host-changed' | 'counters-went-back'>;

export interface RecordedAttestation {
  readonly verdictId: number;
  /** Serials of the certificates that this revoked. */
  readonly revoked: readonly string[];
}

export interface VerdictRecord {
  /** Grows with each verdict of the service. */
  readonly id: number;
  readonly hostId: string;
  readonly at: Date;
  readonly outcome: 'good' | 'refused'; // late ones are refused
  readonly certificateSerial: string | null;
  readonly verdict: JsonValue;
  readonly pcrs: readonly QuotedPcr[];
  readonly counters: TpmCounters;
  /** SHA-256 of the boot log, 64 lower-case hex digits. */
  readonly logDigest: string;
  readonly challengeHash: string;
}

/** One entry for a host, however many certificates it had. */
export interface RevokedHost {
  readonly id: string;
  /**
   * Null: the host is revoked. Else its certificates are, whose Evidence is not after this: the time of the refusal or, as
   * clocks of nodes differ, of the newest Evidence among the certificates that it revoked.
   */
  readonly before: Date | null;
}

/** As it is kept, for hosts that are not revoked themselves. */
export interface Denial {
  readonly before: Date;
  /** When the last of those certificates ends. */
  readonly until: Date;
}

/** What the signed feed says, read in one moment. */
export interface Revocations {
  /** Grows by one at each revocation, 0 before the first. */
  readonly number: number;
  /** Revoked hosts, and those of whom a revoked certificate still lives (with grace). By id. */
  readonly hosts: readonly RevokedHost[];
  /** Certificates whose Evidence is older are refused. */
  readonly denyIssuedBefore: Date | null;
}

export interface AttestationLog {
  /** One transaction: the used challenge, the log, the verdict, counters, and the certificate or the revocations. */
  recordAttestation(command: Attestation): Promise<Result<RecordedAttestation, AttestationFault>>;
  /** Reads alone: what says no may be used a moment later. */
  isChallengeUsed(challengeHash: string): Promise<boolean>;
  /** Newest first, KEPT_VERDICTS at most. */
  verdicts(hostId: string, limit: number): Promise<readonly VerdictRecord[]>;
  /** The boot log of a digest, while a kept verdict is about it. */
  evidence(logDigest: string): Promise<Uint8Array | undefined>;
  /** `unknown` is no certificate of ours, or one that ended long ago: never to be taken for good. */
  certificateStatus(serial: string): Promise<'good' | 'revoked' | 'unknown'>;
  revocations(at: Date): Promise<Revocations>;
  /** 'Apply now': ends all certificates whose Evidence is older. `went-back` for a time before the present one. */
  denyIssuedBefore(command: {
    readonly before: Date;
    readonly audit: AuditDraft;
  }): Promise<Result<Date, Fault<'went-back'>>>;
  /** Forgets at most `limit` used challenges that expired long enough ago; gives their number. */
  pruneChallenges(command: { readonly at: Date; readonly limit: number }): Promise<number>;
  /** Forgets at most `limit` certificates that expired long enough ago; gives their number. */
  pruneCertificates(command: { readonly at: Date; readonly limit: number }): Promise<number>;
}
