import type { Secret } from '@sekimori/crypto-core';
import type { Fault, Result } from '@sekimori/result';
import type { EndorsementKeyKind } from '@sekimori/tpm2';

/** Who this host is to its attestation service. */
export interface Enrolment {
  readonly hostId: string;
  readonly name: string;
  /** The endorsement key that sessions are salted to and that no other may take the place of. */
  readonly endorsementKey: {
    readonly kind: EndorsementKeyKind;
    /** TPM Name: algorithm id and digest. */
    readonly name: Uint8Array;
    /** Hex SHA-256 of its SubjectPublicKeyInfo. */
    readonly fingerprint: string;
  };
}

/** A health certificate with what makes its key again. */
export interface HealthCertificate {
  /** X.509, DER. */
  readonly certificate: Uint8Array;
  readonly signer: Uint8Array;
  /** The PCRs of the SHA-256 bank that were quoted; the key's policy holds all of them that do not grow. */
  readonly pcrs: readonly number[];
  readonly notAfter: Date;
  readonly renewAfter: Date;
  /** By this host's clock; the other times are by the service's. */
  readonly receivedAt: Date;
  readonly traceId: string;
}

/** How an attestation ended; a failed one is kept so that `status` can tell. */
export interface Attempt {
  readonly at: Date;
  /** 'passed' or a fault code. */
  readonly code: string;
  readonly detail?: string;
  readonly subStatus?: readonly string[];
  readonly traceId?: string;
  /** The address that was asked. */
  readonly url?: string;
}

export interface Health {
  readonly certificate?: HealthCertificate;
  readonly attempt: Attempt;
}

export type StateFault = Fault<'state-unreadable' | 'state-damaged'>;

/**
 * What a host keeps of one attestation service; its TLS client key is the same for all of them. Each thing is written whole or not at all, and durably; no private key but that of TLS is in it: those of the TPM
 * are made again from their templates. Rejects when the disk does.
 */
export interface HostState {
  enrolment(): Promise<Result<Enrolment | undefined, StateFault>>;
  saveEnrolment(enrolment: Enrolment): Promise<void>;
  /** PKCS#8, DER. */
  clientKey(): Promise<Result<Secret | undefined, StateFault>>;
  /** The first one stays: the key that is kept is answered. */
  saveClientKey(key: Secret): Promise<Result<Secret, StateFault>>;
  health(): Promise<Result<Health | undefined, StateFault>>;
  saveHealth(health: Health): Promise<void>;
}
