/** What was shown about a host, weakest first. */
export const LEVELS = ['identity', 'measured', 'measured-locked', 'confidential'] as const;
export type Level = (typeof LEVELS)[number];

/** What keeps the host's root from the keys released to it, weakest first. */
export const KEY_ISOLATIONS = ['none', 'vbs', 'tee'] as const;
export type KeyIsolation = (typeof KEY_ISOLATIONS)[number];

export const MODES = ['tpm'] as const;
export type AttestationMode = (typeof MODES)[number];

declare const checked: unique symbol;
/** A UUID in lower case with hyphens. */
export type HostId = string & { readonly [checked]: 'HostId' };

export function parseHostId(text: string): HostId | undefined {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text) ? (text as HostId) : undefined;
}

/** The Attestation Result about one host. Texts have 1 to 255 bytes of UTF-8 and no control characters. */
export interface Claims {
  readonly hostId: HostId;
  readonly hostName?: string;
  readonly mode: AttestationMode;
  readonly group: string;
  readonly level: Level;
  readonly keyIsolation: KeyIsolation;
  /** SHA-256 of the EK's SubjectPublicKeyInfo. */
  readonly ekHash: Uint8Array;
  /** TPM Name of the AK: algorithm id and digest. */
  readonly akName: Uint8Array;
  readonly resetCount: number;
  readonly restartCount: number;
  /** SHA-256 of the attestation policy that was applied, and its version, which only grows. */
  readonly policyDigest: Uint8Array;
  readonly policyVersion: number;
  /** When the challenge of this evidence was made, in milliseconds. Not when the certificate was. */
  readonly evidenceTime: Date;
  /** For whom: the key protection service that may act on it. */
  readonly audience: string;
  /** SHA-256 of the SubjectPublicKeyInfo of the host's TLS client key. */
  readonly cnf: Uint8Array;
}

export function isAtLeast<T extends string>(order: readonly T[], value: T, minimum: T): boolean {
  const [held, wanted] = [order.indexOf(value), order.indexOf(minimum)];
  return held >= 0 && wanted >= 0 && held >= wanted;
}
