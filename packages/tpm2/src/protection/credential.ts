import { decode, encode } from '@sekimori/codec';
import { type Crypto, hashLength, Secret } from '@sekimori/crypto-core';
import { expectOk, type Fault, fail, ok, type Result } from '@sekimori/result';
import { TPM2B_DIGEST, TPM2B_ENCRYPTED_SECRET } from '../structures/buffers.ts';
import { TPM2B_ID_OBJECT, TPMS_ID_OBJECT } from '../structures/objects.ts';
import { outerProtection, storageKeyBits, unwrapOuter, wrapOuter } from './outer-wrapping.ts';
import type { PublicArea } from '../structures/public-area.ts';
import { recoverSeed, type SeedKey, shareSeed } from './seed.ts';

/** `invalid-key`: the public key is not sound. `not-a-storage-key`: no restricted decryption key with AES-CFB. */
export type CredentialFault = Fault<'invalid-key' | 'not-a-storage-key'>;

/** Both as their TPM2B, sizes included: what TPM2_ActivateCredential takes. */
export interface Credential {
  /** TPM2B_ID_OBJECT. */
  readonly credentialBlob: Uint8Array;
  /** TPM2B_ENCRYPTED_SECRET. */
  readonly encryptedSecret: Uint8Array;
}

/**
 * TPM2_MakeCredential in software, to an RSA or ECC endorsement key: only the TPM that has this key and an object of
 * this Name gets the secret back. Part 1, 24. The secret is at most as long as a digest of the key's nameAlg.
 * `not-a-storage-key`: no restricted decryption key with AES-CFB. `invalid-key`: its public key is not sound.
 */
export function makeCredential(
  crypto: Crypto,
  endorsementKey: PublicArea,
  objectName: Uint8Array,
  secret: Secret,
): Result<Credential, CredentialFault> {
  if (storageKeyBits(endorsementKey.value) === undefined) return notAStorageKey();
  const shared = shareSeed(crypto, endorsementKey, 'IDENTITY');
  if (!shared.ok) return shared;
  const { seed, encrypted } = shared.value;
  const credentialBlob = protectCredential(crypto, endorsementKey, seed, objectName, secret);
  seed.wipe();
  return ok({ credentialBlob, encryptedSecret: encode(TPM2B_ENCRYPTED_SECRET, encrypted) });
}

/** The part of TPM2_MakeCredential after the seed. Of its own for the known answer in the tests. */
export function protectCredential(
  crypto: Crypto,
  endorsementKey: PublicArea,
  seed: Secret,
  objectName: Uint8Array,
  secret: Secret,
): Uint8Array {
  const { nameAlg } = endorsementKey.value;
  if (secret.length > hashLength(nameAlg))
    throw new RangeError(`${secret.length} bytes do not fit a ${nameAlg} digest`);
  const plaintext = secret.use((bytes) => encode(TPM2B_DIGEST, bytes));
  const bytes = wrapOuter(crypto, outerProtection(endorsementKey, seed), objectName, plaintext);
  plaintext.fill(0);
  return encode(TPM2B_ID_OBJECT, { value: expectOk(decode(TPMS_ID_OBJECT, bytes)), bytes });
}

/**
 * The part of TPM2_ActivateCredential after the seed: `idObject` is a TPMS_ID_OBJECT. `credential-integrity`: made for another key or Name, or
 * changed; `credential-malformed`: it holds no TPM2B_DIGEST. Throws for a key that is no storage key.
 */
export function unprotectCredential(
  crypto: Crypto,
  endorsementKey: PublicArea,
  seed: Secret,
  objectName: Uint8Array,
  idObject: Uint8Array,
): Result<Secret, Fault<'credential-malformed' | 'credential-integrity'>> {
  const clear = unwrapOuter(crypto, outerProtection(endorsementKey, seed), objectName, idObject);
  if (!clear) return fail('credential-integrity', 'made for another key or object');
  const opened = decode(TPM2B_DIGEST, clear);
  clear.fill(0);
  if (!opened.ok) return fail('credential-malformed', 'it holds no TPM2B_DIGEST');
  const secret = new Secret(opened.value);
  opened.value.fill(0);
  return ok(secret);
}

/**
 * TPM2_ActivateCredential in software: the other side of `makeCredential`, for whoever holds the private key.
 * `credential-malformed`: no TPM2B_ID_OBJECT or TPM2B_ENCRYPTED_SECRET, or the seed does not open; `credential-integrity`: made for
 * another key or Name, or changed.
 */
export async function openCredential(
  crypto: Crypto,
  endorsementKey: SeedKey,
  objectName: Uint8Array,
  credential: Credential,
): Promise<Result<Secret, Fault<'not-a-storage-key' | 'credential-malformed' | 'credential-integrity'>>> {
  if (storageKeyBits(endorsementKey.publicArea.value) === undefined) return notAStorageKey();
  const blob = decode(TPM2B_ID_OBJECT, credential.credentialBlob);
  const encryptedSecret = decode(TPM2B_ENCRYPTED_SECRET, credential.encryptedSecret);
  if (!blob.ok) return fail('credential-malformed', 'TPM2B_ID_OBJECT', { cause: blob.fault });
  if (!encryptedSecret.ok)
    return fail('credential-malformed', 'TPM2B_ENCRYPTED_SECRET', { cause: encryptedSecret.fault });
  const seed = await recoverSeed(crypto, endorsementKey, 'IDENTITY', encryptedSecret.value);
  if (!seed) return fail('credential-malformed', 'its seed does not open with this key');
  const opened = unprotectCredential(crypto, endorsementKey.publicArea, seed, objectName, blob.value.bytes);
  seed.wipe();
  return opened;
}

function notAStorageKey() {
  return fail('not-a-storage-key', 'a credential is made to a restricted decryption key with AES-CFB');
}
