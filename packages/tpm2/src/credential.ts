import { concat, u16be, utf8 } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { type Crypto, hashLength, type PublicKey, Secret } from '@sekimori/crypto-core';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import { TPM2B_ENCRYPTED_SECRET, TPMS_ECC_POINT } from './buffers.ts';
import { kdfa, kdfe } from './kdf.ts';
import { pointOf, publicKeyOf } from './names.ts';
import { TPM2B_ID_OBJECT, TPMS_ID_OBJECT } from './objects.ts';
import type { PublicArea } from './public-area.ts';

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
 * `not-a-storage-key`: no restricted decryption key with AES-CFB.
 */
export function makeCredential(
  crypto: Crypto,
  endorsementKey: PublicArea,
  objectName: Uint8Array,
  secret: Secret,
): Result<Credential, CredentialFault> {
  const bits = symmetricBits(endorsementKey);
  if (bits === undefined || !endorsementKey.value.objectAttributes.restricted)
    return fail('not-a-storage-key', 'a credential is made to a restricted decryption key with AES-CFB');
  const shared = shareSeed(crypto, endorsementKey, 'IDENTITY');
  if (!shared.ok) return shared;
  const { seed, encrypted } = shared.value;
  return ok({
    credentialBlob: protectCredential(crypto, endorsementKey, seed, objectName, secret),
    encryptedSecret: encode(TPM2B_ENCRYPTED_SECRET, encrypted),
  });
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
  const bits = symmetricBits(endorsementKey);
  if (bits === undefined) throw new RangeError('not a storage key');
  if (secret.length > hashLength(nameAlg))
    throw new RangeError(`${secret.length} bytes do not fit a ${nameAlg} digest`);
  const symmetricKey = kdfa(crypto, nameAlg, seed, 'STORAGE', objectName, NONE, bits);
  const plaintext = secret.use((bytes) => concat(u16be(bytes.length), bytes));
  const encIdentity = crypto.aesCfb('encrypt', symmetricKey, new Uint8Array(16), plaintext);
  const hmacKey = kdfa(crypto, nameAlg, seed, 'INTEGRITY', NONE, NONE, 8 * hashLength(nameAlg));
  const value = { integrityHMAC: crypto.hmac(nameAlg, hmacKey, concat(encIdentity, objectName)), encIdentity };
  return encode(TPM2B_ID_OBJECT, { value, bytes: encode(TPMS_ID_OBJECT, value) });
}

/** A seed that the key's TPM can recover: OAEP or ECDH, for credentials and for session salts. Part 1, annexes B and C. */
export function shareSeed(
  crypto: Crypto,
  key: PublicArea,
  label: 'IDENTITY' | 'SECRET',
): Result<{ readonly seed: Secret; readonly encrypted: Uint8Array }, Fault<'invalid-key'>> {
  const found: Result<PublicKey, Fault<'invalid-key'>> = publicKeyOf(crypto, key);
  if (!found.ok) return found;
  const peer = found.value;
  const { nameAlg } = key.value;
  if (peer.type === 'rsa') {
    const seed = new Secret(crypto.random(hashLength(nameAlg)));
    // The label's NUL is part of it, and OAEP's and MGF1's hash is the key's nameAlg.
    const encrypted = seed.use((bytes) => crypto.rsaOaepEncrypt(peer, nameAlg, utf8(`${label}\0`), bytes));
    return ok({ seed, encrypted });
  }
  const { publicKey: ephemeral, sharedSecret } = crypto.agreeEphemeral(peer);
  const seed = kdfe(crypto, nameAlg, sharedSecret, label, ephemeral.x, peer.x, 8 * hashLength(nameAlg));
  return ok({ seed, encrypted: encode(TPMS_ECC_POINT, pointOf(ephemeral)) });
}

const NONE = new Uint8Array(0);

function symmetricBits(key: PublicArea): 128 | 256 | undefined {
  const { parameters, objectAttributes } = key.value;
  if (!objectAttributes.decrypt || (parameters.is !== 'rsa' && parameters.is !== 'ecc')) return undefined;
  const { symmetric } = parameters.value;
  if (symmetric.algorithm !== 'aes' || symmetric.mode !== 'cfb') return undefined;
  return symmetric.keyBits === 128 || symmetric.keyBits === 256 ? symmetric.keyBits : undefined;
}
