import { concat, lengthPrefixed, u32be } from '@sekimori/bytes';
import {
  type AgreementKey,
  type Crypto,
  type EcPublicKey,
  readUncompressedPoint,
  Secret,
  uncompressedPoint,
} from '@sekimori/crypto-core';
import type { AlgorithmUse, EncryptedData } from './document.ts';
import { LABEL } from './labels.ts';
import type { Profile, WrappingBinding } from './profile.ts';
import { ALGORITHM, NAMESPACE } from './uris.ts';
import { base64Of, XmlContent } from './xml/content.ts';
import { type XmlElement, XmlStop } from './xml/element.ts';
import { base64Markup } from './xml/write.ts';

/** A transport key, as the parameters and the cipher value of a wrapping hold it. */
export interface WrappedKey {
  /** Uncompressed P-256 point, 65 bytes. SEC 1 section 2.3.3. */
  readonly ephemeralKey: Uint8Array;
  readonly nonce: Uint8Array;
  /** Ciphertext and 16-byte tag. */
  readonly sealed: Uint8Array;
}

export interface HkdfUse {
  readonly salt: Uint8Array;
}

export const TRANSPORT_KEY_BYTES = 32;
const [POINT_BYTES, NONCE_BYTES, SALT_BYTES] = [65, 12, 32] as const;

/**
 * Profile sekimori-1, version 1 with P-256.
 *
 * Wrapping: Z = ECDH(ephemeral, encryption certificate's key); key = HKDF-SHA256(Z, no salt, info, 32) with info = lv(label)
 * || lv(ephemeral point) || lv(recipient's point) || lv(u32be(wrapping id)); AES-256-GCM over the plaintext with the
 * recipient's fingerprint as associated data. The ephemeral point and the nonce are parameters. Plaintext: a version byte,
 * then what that version holds. Version 1 is the 32-byte transport key and nothing else; a later version adds to it.
 *
 * TransportKeySignature: HMAC-SHA256 over the canonical Wrappings under HKDF-SHA256(transport key, salt from the parameters,
 * lv(label), 32).
 */
export const SEKIMORI_1: Profile<WrappedKey, HkdfUse> = {
  name: 'sekimori-1',
  curve: 'P-256',
  signature: { uri: ALGORITHM.ecdsaSha256, algorithm: 'ecdsa-sha256' },
  mac: { uri: ALGORITHM.hmacSha256 },

  readWrapped: (data: EncryptedData) => {
    const parameters = parametersOf(data, ALGORITHM.wrapP256);
    const ephemeralKey = exactly(POINT_BYTES, parameters.child('EphemeralKey', NAMESPACE.sekimori));
    const nonce = exactly(NONCE_BYTES, parameters.child('Nonce', NAMESPACE.sekimori));
    parameters.end();
    return { ephemeralKey, nonce, sealed: data.cipherValue };
  },

  wrap: (crypto: Crypto, recipient: EcPublicKey, binding: WrappingBinding, transportKey: Secret) => {
    const { publicKey, sharedSecret } = crypto.agreeEphemeral(recipient);
    const ephemeralKey = uncompressedPoint(publicKey);
    const nonce = crypto.random(NONCE_BYTES);
    const key = wrappingKey(crypto, sharedSecret, ephemeralKey, recipient, binding);
    const plaintext = transportKey.use((bytes) => concat(Uint8Array.of(PLAINTEXT_VERSION), bytes));
    const cipherValue = crypto.aesGcmSeal(key, nonce, plaintext, binding.guardian);
    for (const secret of [sharedSecret, key]) secret.wipe();
    plaintext.fill(0);
    const own = { xmlns: NAMESPACE.sekimori };
    const parameters = base64Markup('EphemeralKey', ephemeralKey, own) + base64Markup('Nonce', nonce, own);
    return { algorithm: ALGORITHM.wrapP256, parameters, cipherValue };
  },

  unwrap: async (crypto: Crypto, agreement: AgreementKey, binding: WrappingBinding, wrapped: WrappedKey) => {
    const ephemeral = readUncompressedPoint(crypto, 'P-256', wrapped.ephemeralKey);
    if (!ephemeral) return undefined;
    const shared = await agreement.agree(ephemeral);
    const key = wrappingKey(crypto, shared, wrapped.ephemeralKey, agreement.publicKey, binding);
    const plaintext = crypto.aesGcmOpen(key, wrapped.nonce, wrapped.sealed, binding.guardian);
    for (const secret of [shared, key]) secret.wipe();
    if (!plaintext) return undefined;
    const known = plaintext[0] === PLAINTEXT_VERSION && plaintext.length === 1 + TRANSPORT_KEY_BYTES;
    const transportKey = known ? new Secret(plaintext.subarray(1)) : undefined;
    plaintext.fill(0);
    return transportKey;
  },

  readKeyDerivation: (use: AlgorithmUse) => {
    const parameters = parametersOf(use, ALGORITHM.hkdf);
    const salt = exactly(SALT_BYTES, parameters.child('Salt', NAMESPACE.sekimori));
    parameters.end();
    return { salt };
  },

  newKeyDerivation: (crypto: Crypto) => {
    const salt = crypto.random(SALT_BYTES);
    const parameters = base64Markup('Salt', salt, { xmlns: NAMESPACE.sekimori });
    return { derivation: { salt }, written: { algorithm: ALGORITHM.hkdf, parameters } };
  },

  authenticate: (crypto: Crypto, transportKey: Secret, derivation: HkdfUse, signedOctets: Uint8Array) => {
    const key = crypto.hkdf('sha256', transportKey, derivation.salt, lengthPrefixed(LABEL.transportKeySignature), 32);
    const value = crypto.hmac('sha256', key, signedOctets);
    key.wipe();
    return value;
  },
};

const PLAINTEXT_VERSION = 1;
const NO_SALT = new Uint8Array(0);

function wrappingKey(
  crypto: Crypto,
  shared: Secret,
  ephemeralKey: Uint8Array,
  recipient: EcPublicKey,
  binding: WrappingBinding,
): Secret {
  const info = lengthPrefixed(LABEL.wrapping, ephemeralKey, uncompressedPoint(recipient), u32be(binding.wrappingId));
  return crypto.hkdf('sha256', shared, NO_SALT, info, 32);
}

function parametersOf(use: AlgorithmUse, algorithm: string): XmlContent {
  if (use.algorithm !== algorithm || !use.parameters) throw new XmlStop('not in profile sekimori-1', use.algorithm);
  return new XmlContent(use.parameters);
}

function exactly(length: number, element: XmlElement): Uint8Array {
  const bytes = base64Of(element, length);
  if (bytes.length !== length) throw new XmlStop(`${bytes.length} bytes, must be ${length}`, element.local);
  return bytes;
}
