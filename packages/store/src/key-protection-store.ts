import type { AuditDraft, JsonValue } from '@sekimori/audit-log';
import type { Fault, Result } from '@sekimori/result';
import type { AuditStore } from './audit.ts';

/** A key that was given. Recorded before the answer leaves. */
export interface NewRelease {
  /** UUID, made by the caller. */
  readonly id: string;
  readonly at: Date;
  readonly hostId: string;
  /** The health certificate's serial, lower-case hex. */
  readonly certificateSerial: string;
  readonly guardianFingerprint: string;
  /** SHA-256 of the protectors, 64 lower-case hex digits. */
  readonly ingressDigest: string;
  readonly egressDigest: string;
  readonly details: JsonValue;
}

export interface ReleaseRecord extends NewRelease {
  /** Grows with each release. */
  readonly sequence: number;
}

/** Public data of one HGS key pair; the private keys are with the key store. */
export interface NewGuardian {
  readonly fingerprint: string;
  /** X.509, DER. */
  readonly signingCertificate: Uint8Array;
  /** X.509, DER. */
  readonly encryptionCertificate: Uint8Array;
  /** Over the encryption certificate, by the signing key. */
  readonly signature: Uint8Array;
  readonly addedAt: Date;
}

export interface GuardianRecord extends NewGuardian {
  /** The one for new protectors and egress; at most one is. */
  readonly primary: boolean;
  /** Only enabled ones open protectors. */
  readonly enabled: boolean;
}

/** The key protection service's state. Commands are transactions, as in the attestation store. */
export interface KeyProtectionStore extends AuditStore {
  /** A retry of a roll is another release; `duplicate-release` is the same id again. */
  recordRelease(command: {
    readonly release: NewRelease;
    readonly audit: AuditDraft;
  }): Promise<Result<ReleaseRecord, Fault<'duplicate-release'>>>;
  countReleases(): Promise<number>;
  /** In order, from the sequence after `after` (0: from the start). */
  releases(page: { readonly after: number; readonly limit: number }): Promise<readonly ReleaseRecord[]>;
  /** Enabled. The first one is the primary. */
  addGuardian(command: {
    readonly guardian: NewGuardian;
    readonly audit: AuditDraft;
  }): Promise<Result<GuardianRecord, Fault<'duplicate-guardian'>>>;
  /** The one before stays enabled: old protectors still open. */
  setPrimaryGuardian(command: {
    readonly fingerprint: string;
    readonly audit: AuditDraft;
  }): Promise<Result<GuardianRecord, Fault<'unknown-guardian' | 'guardian-disabled'>>>;
  setGuardianEnabled(command: {
    readonly fingerprint: string;
    readonly enabled: boolean;
    readonly audit: AuditDraft;
  }): Promise<Result<GuardianRecord, Fault<'unknown-guardian' | 'guardian-is-primary'>>>;
  /** By the time they were added. */
  guardians(): Promise<readonly GuardianRecord[]>;
  /** Highest number of an attestation service's revocation feed that was ever seen; 0 before the first. */
  seenRevocationNumber(issuer: string): Promise<number>;
  /** Keeps the highest for good. `went-back`: a smaller number than seen, so the feed is not to be believed. */
  seeRevocationNumber(issuer: string, number: number): Promise<Result<number, Fault<'went-back'>>>;
  close(): Promise<void>;
}
