import { copyOf, equal, u16be } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import { type Crypto, HASHES, type PublicKey } from '@sekimori/crypto-core';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import {
  nameOf,
  qualifiedNameOfPrimary,
  type PublicArea,
  type SigningScheme,
  TPM2B_PUBLIC,
  TPM_ALG,
  TPM_RH,
  type TpmtPublic,
} from '@sekimori/tpm2';
import { soundKey, wrongAttributes } from './key-rules.ts';

/** See `AttestationKey.enrol`. */
export type AttestationKeyFault = Fault<
  'attestation-key-malformed' | 'attestation-key-attributes' | 'attestation-key-algorithm' | 'attestation-key-weak'
>;

/** What is let pass although it is weak; nothing where it is left out. */
export interface AttestationKeyPolicy {
  /**
   * Enrols keys that sign with SHA-1, as old versions of Windows make them; their quotes hash PCR values with it too.
   * SHA-1 is broken: whoever makes collisions may pass one thing off as another. For recorded evidence.
   */
  readonly insecureSha1?: true;
}

/**
 * An attestation key fit for enrolment: a restricted signing key that never leaves its TPM. Having one says what the key
 * is, not whose: credential activation with its `name` binds it to an endorsement key.
 */
export class AttestationKey {
  /** TPM2B_PUBLIC: what to store. `enrol` gives the same key from it again. */
  readonly tpm2bPublic: Uint8Array;
  /** Computed from the public area, never taken from outside. */
  readonly name: Uint8Array;
  readonly qualifiedName: Uint8Array;
  readonly publicKey: PublicKey;
  readonly scheme: SigningScheme;

  private constructor(
    tpm2bPublic: Uint8Array,
    names: { readonly name: Uint8Array; readonly qualifiedName: Uint8Array },
    publicKey: PublicKey,
    scheme: SigningScheme,
  ) {
    this.tpm2bPublic = tpm2bPublic;
    this.name = names.name;
    this.qualifiedName = names.qualifiedName;
    this.publicKey = publicKey;
    this.scheme = scheme;
  }

  /**
   * The key must be a primary of the endorsement hierarchy, which quotes prove by its qualified name (elsewhere a TPM
   * obfuscates its counters); for a child key its parent's chain must be known: then `qualifiedName` is it.
   *
   * `attestation-key-malformed`: no TPM2B_PUBLIC, or `qualifiedName` is none of its nameAlg (Part 1, 16). `attestation-key-attributes`: not restricted, not signing only, or it
   * may leave its TPM. `attestation-key-algorithm`: no ECDSA, RSASSA or RSAPSS with SHA-256 or longer.
   * `attestation-key-weak`: RSA below 2048 bits, with another exponent than 65537 or with the ROCA fingerprint; a point
   * off its curve.
   */
  static enrol(
    crypto: Crypto,
    tpm2bPublic: Uint8Array,
    qualifiedName?: Uint8Array,
    policy: AttestationKeyPolicy = {},
  ): Result<AttestationKey, AttestationKeyFault> {
    const stored = copyOf(tpm2bPublic);
    const decoded = decode(TPM2B_PUBLIC, stored);
    if (!decoded.ok) return fail('attestation-key-malformed', decoded.fault.detail, { cause: decoded.fault });
    const area: PublicArea = decoded.value;
    const wrong = wrongAttributes(
      area.value,
      ['restricted', 'sign', 'fixedTPM', 'fixedParent', 'sensitiveDataOrigin'],
      ['decrypt', 'encryptedDuplication'],
    );
    if (wrong.length > 0) return fail('attestation-key-attributes', wrong.join(', '));
    if (qualifiedName && !isNameOf(area.value.nameAlg, qualifiedName))
      return fail('attestation-key-malformed', `${qualifiedName.length} bytes are no name of ${area.value.nameAlg}`);
    const scheme = signingScheme(area.value, policy);
    if (!scheme) return fail('attestation-key-algorithm', 'no ECDSA, RSASSA or RSAPSS with SHA-256 or longer');
    const key = soundKey(crypto, area);
    if (!key.ok) return fail('attestation-key-weak', key.fault.detail, key.fault.cause && { cause: key.fault.cause });
    const names = {
      name: nameOf(crypto, area),
      qualifiedName: qualifiedName ? copyOf(qualifiedName) : qualifiedNameOfPrimary(crypto, area, TPM_RH.endorsement),
    };
    return ok(new AttestationKey(stored, names, key.value, scheme));
  }
}

/** TPM_ALG_ID and a digest of that algorithm. */
function isNameOf(hash: TpmtPublic['nameAlg'], name: Uint8Array): boolean {
  return name.length === 2 + HASHES[hash] && equal(name.subarray(0, 2), u16be(TPM_ALG[hash]));
}

function signingScheme(area: TpmtPublic, { insecureSha1 }: AttestationKeyPolicy): SigningScheme | undefined {
  const { parameters } = area;
  if (area.nameAlg === 'sha1' || (parameters.is !== 'rsa' && parameters.is !== 'ecc')) return undefined;
  const { scheme, symmetric } = parameters.value;
  if (symmetric.algorithm !== 'null') return undefined;
  if (scheme.scheme !== 'ecdsa' && scheme.scheme !== 'rsassa' && scheme.scheme !== 'rsapss') return undefined;
  if (scheme.hashAlg === 'sha1' && !insecureSha1) return undefined;
  return { scheme: scheme.scheme, hashAlg: scheme.hashAlg };
}
