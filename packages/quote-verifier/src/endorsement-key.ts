import { copyOf, equal, toHex } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import type { Crypto, PublicKey } from '@sekimori/crypto-core';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import {
  EK_POLICY_A,
  EK_POLICY_B,
  nameOf,
  type PublicArea,
  storageKeyBits,
  TPM2B_PUBLIC,
  type TpmtPublic,
} from '@sekimori/tpm2';
import { soundKey, wrongAttributes } from './key-rules.ts';

/** See `EndorsementKey.enrol`. */
export type EndorsementKeyFault = Fault<
  | 'endorsement-key-malformed'
  | 'endorsement-key-attributes'
  | 'endorsement-key-algorithm'
  | 'endorsement-key-policy'
  | 'endorsement-key-weak'
>;

/** A public area made after the EK Credential Profile. That a genuine TPM holds it, its certificate alone can say. */
export class EndorsementKey {
  readonly tpm2bPublic: Uint8Array;
  readonly publicArea: PublicArea;
  readonly name: Uint8Array;
  readonly publicKey: PublicKey;
  /** Hex SHA-256 of the SubjectPublicKeyInfo: what people compare and what is unique over all hosts. */
  readonly fingerprint: string;

  private constructor(crypto: Crypto, tpm2bPublic: Uint8Array, publicArea: PublicArea, publicKey: PublicKey) {
    this.tpm2bPublic = tpm2bPublic;
    this.publicArea = publicArea;
    this.name = nameOf(crypto, publicArea);
    this.publicKey = publicKey;
    this.fingerprint = toHex(crypto.hash('sha256', publicKey.spki));
  }

  /**
   * `endorsement-key-malformed`: no TPM2B_PUBLIC. `endorsement-key-attributes`: not restricted decryption, able to sign,
   * or it may leave its TPM. `endorsement-key-algorithm`: no RSA or ECC storage key with AES-CFB. `endorsement-key-policy`:
   * neither PolicyA nor PolicyB of the profile. `endorsement-key-weak`: as for attestation keys.
   */
  static check(crypto: Crypto, tpm2bPublic: Uint8Array): Result<EndorsementKey, EndorsementKeyFault> {
    const stored = copyOf(tpm2bPublic);
    const decoded = decode(TPM2B_PUBLIC, stored);
    if (!decoded.ok) return fail('endorsement-key-malformed', decoded.fault.detail, { cause: decoded.fault });
    const area: PublicArea = decoded.value;
    const wrong = wrongAttributes(
      area.value,
      ['restricted', 'decrypt', 'fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'adminWithPolicy'],
      ['sign', 'encryptedDuplication'],
    );
    if (wrong.length > 0) return fail('endorsement-key-attributes', wrong.join(', '));
    if (!isStorageKey(area.value)) return fail('endorsement-key-algorithm', 'no storage key with AES-CFB');
    if (!hasProfilePolicy(area.value))
      return fail('endorsement-key-policy', 'neither PolicyA nor PolicyB of the profile');
    const key = soundKey(crypto, area);
    if (!key.ok) return fail('endorsement-key-weak', key.fault.detail, key.fault.cause && { cause: key.fault.cause });
    return ok(new EndorsementKey(crypto, stored, area, key.value));
  }
}

/** With no scheme of its own, as the profile has it. */
function isStorageKey(area: TpmtPublic): boolean {
  const { parameters, nameAlg } = area;
  if (nameAlg === 'sha1' || storageKeyBits(area) === undefined) return false;
  return (parameters.is === 'rsa' || parameters.is === 'ecc') && parameters.value.scheme.scheme === 'null';
}

function hasProfilePolicy({ nameAlg, authPolicy }: TpmtPublic): boolean {
  if (nameAlg === 'sha1') return false;
  return equal(authPolicy, EK_POLICY_A[nameAlg]) || equal(authPolicy, EK_POLICY_B[nameAlg]);
}
