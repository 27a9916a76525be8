import { concat, leftPad, lengthPrefixed, utf8 } from '@sekimori/bytes';
import { type Crypto, type EcPublicKey, readUncompressedPoint, Secret, uncompressedPoint } from '@sekimori/crypto-core';
import { type Fault, type Result, fail, ok } from '@sekimori/result';

/**
 * ECIES of profile sekimori-1 to a health key, P-256: ephemeral point (65 bytes, uncompressed) || nonce (12) || AES-256-GCM
 * ciphertext and tag. Key = HKDF-SHA256(Z, no salt, lv(label) || lv(ephemeral point) || lv(health key's point), 32); plaintext
 * = lv(ingress transport key) || lv(egress transport key); associated data = the three digests of `SealedKeysBinding`, one
 * after the other. lv(x) is x behind its length in 4 bytes, big-endian.
 */
const LABEL = utf8('sekimori-1 sealed keys');
const [POINT_BYTES, NONCE_BYTES, TAG_BYTES, KEY_BYTES] = [65, 12, 16, 32] as const;
const SEALED_BYTES = POINT_BYTES + NONCE_BYTES + 2 * (4 + KEY_BYTES) + TAG_BYTES;
const NO_SALT = new Uint8Array(0);

export interface TransportKeys {
  /** Of the protector that the host has. */
  readonly ingress: Secret;
  /** Of the protector that it gets. */
  readonly egress: Secret;
}

/** What the keys are tied to: SHA-256 of both protectors, as they travel, and of the health certificate's DER. */
export interface SealedKeysBinding {
  readonly ingressProtector: Uint8Array;
  readonly egressProtector: Uint8Array;
  readonly healthCertificate: Uint8Array;
}

/** Sealed keys as read: their ephemeral key goes to the TPM (TPM2_ECDH_ZGen), which gives Z. */
export interface SealedKeys {
  readonly ephemeralKey: EcPublicKey;
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
}

export function sealKeys(
  crypto: Crypto,
  healthKey: EcPublicKey,
  keys: TransportKeys,
  binding: SealedKeysBinding,
): Uint8Array {
  if (keys.ingress.length !== KEY_BYTES || keys.egress.length !== KEY_BYTES)
    throw new RangeError(`transport keys have ${KEY_BYTES} bytes`);
  const { publicKey, sharedSecret } = crypto.agreeEphemeral(healthKey);
  const key = sealingKey(crypto, sharedSecret, publicKey, healthKey);
  const nonce = crypto.random(NONCE_BYTES);
  const plaintext = keys.ingress.use((ingress) => keys.egress.use((egress) => lengthPrefixed(ingress, egress)));
  const ciphertext = crypto.aesGcmSeal(key, nonce, plaintext, associatedData(binding));
  plaintext.fill(0);
  for (const secret of [sharedSecret, key]) secret.wipe();
  return concat(uncompressedPoint(publicKey), nonce, ciphertext);
}

/** `sealed-keys-malformed`: another length, or no point of P-256. */
export function readSealedKeys(crypto: Crypto, bytes: Uint8Array): Result<SealedKeys, Fault<'sealed-keys-malformed'>> {
  if (bytes.length !== SEALED_BYTES)
    return fail('sealed-keys-malformed', `${bytes.length} bytes, must be ${SEALED_BYTES}`);
  const own = Uint8Array.from(bytes);
  const ephemeralKey = readUncompressedPoint(crypto, 'P-256', own.subarray(0, POINT_BYTES));
  if (!ephemeralKey) return fail('sealed-keys-malformed', 'the ephemeral key is no point of P-256');
  return ok({
    ephemeralKey,
    nonce: own.subarray(POINT_BYTES, POINT_BYTES + NONCE_BYTES),
    ciphertext: own.subarray(POINT_BYTES + NONCE_BYTES),
  });
}

/**
 * Opens what `sealKeys` sealed. `sharedSecret` is Z: the x-coordinate of what the health key and the ephemeral key agree on,
 * from TPM2_ECDH_ZGen; a TPM may leave out leading zeros. `sealed-keys-not-opened`: another key, another protector, another
 * certificate or changed bytes; which of them is not told.
 */
export function openSealedKeys(
  crypto: Crypto,
  sealed: SealedKeys,
  healthKey: EcPublicKey,
  sharedSecret: Secret,
  binding: SealedKeysBinding,
): Result<TransportKeys, Fault<'sealed-keys-not-opened'>> {
  const refused = fail('sealed-keys-not-opened', 'the sealed keys do not open');
  const z = sharedSecret.use((bytes) => leftPad(bytes, KEY_BYTES));
  if (!z) return refused;
  const key = sealingKey(crypto, z, sealed.ephemeralKey, healthKey);
  z.fill(0);
  const plaintext = crypto.aesGcmOpen(key, sealed.nonce, sealed.ciphertext, associatedData(binding));
  key.wipe();
  if (!plaintext) return refused;
  const keys = readPlaintext(plaintext);
  plaintext.fill(0);
  return keys ? ok(keys) : refused;
}

function readPlaintext(plaintext: Uint8Array): TransportKeys | undefined {
  const second = 4 + KEY_BYTES;
  const lengths = [plaintext.subarray(0, 4), plaintext.subarray(second, second + 4)];
  if (plaintext.length !== 2 * second || lengths.some((length) => readLength(length) !== KEY_BYTES)) return undefined;
  return { ingress: new Secret(plaintext.subarray(4, second)), egress: new Secret(plaintext.subarray(second + 4)) };
}

function readLength(bytes: Uint8Array): number {
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

function sealingKey(
  crypto: Crypto,
  sharedSecret: Secret | Uint8Array,
  ephemeralKey: EcPublicKey,
  healthKey: EcPublicKey,
): Secret {
  const info = lengthPrefixed(LABEL, uncompressedPoint(ephemeralKey), uncompressedPoint(healthKey));
  return crypto.hkdf('sha256', sharedSecret, NO_SALT, info, 32);
}

function associatedData(binding: SealedKeysBinding): Uint8Array {
  const digests = [binding.ingressProtector, binding.egressProtector, binding.healthCertificate];
  if (digests.some((digest) => digest.length !== 32)) throw new RangeError('a SHA-256 digest has 32 bytes');
  return concat(...digests);
}
