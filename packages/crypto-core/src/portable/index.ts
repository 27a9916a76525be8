import { cfb, gcm } from '@noble/ciphers/aes.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { expectOk, fail, type Fault, ok, type Result } from '@sekimori/result';
import { type CurveName, curveWidth, fitsKey } from '../algorithms.ts';
import type { Crypto, PrivateKey, PublicKeySpec } from '../crypto.ts';
import { requireCfb, requireGcm, secretAndWipe, withKey } from '../key-material.ts';
import { privateKeyFrom } from '../private-key-checks.ts';
import { publicKeyFrom } from '../public-key-checks.ts';
import type { EcPublicKey, PublicKey } from '../public-key.ts';
import type { Secret } from '../secret.ts';
import { ecdsaVerify, ecPrivateKey, isOnCurve, newScalar, pointOf, sharedX } from './ec.ts';
import { NOBLE_HASH } from './hashes.ts';
import { generateRsa, rsaPrivateKey } from './rsa-private.ts';
import { oaepEncrypt, rsaVerify } from './rsa-public.ts';

/**
 * The provider of @noble and WebCrypto: for browsers, and a second opinion in tests. It needs no `node:crypto`; private RSA
 * needs WebCrypto, which browsers give to pages in a secure context only.
 *
 * It answers as the Node provider does and takes longer: a P-256 verification some 30 times as long, an RSA one 4 times. Script in
 * an engine that compiles as it runs cannot promise constant time, so whoever can measure private EC operations, AES or
 * HMAC closely enough may learn of their keys: services use the Node provider. Copies of secrets that are arrays are wiped
 * after use; numbers inside @noble, and keys inside WebCrypto, stay until the engine collects them.
 */
export const portableCrypto: Crypto = {
  hash: (name, data) => NOBLE_HASH[name](data),
  hmac: (name, key, data) => withKey(key, (bytes) => hmac(NOBLE_HASH[name], bytes, data)),
  hkdf: (name, secret, salt, info, length) =>
    withKey(secret, (bytes) => secretAndWipe(hkdf(NOBLE_HASH[name], bytes, salt, info, length))),
  aesGcmSeal: (key, nonce, plaintext, associated) =>
    withKey(key, (bytes) => {
      requireGcm(bytes, nonce);
      return gcm(bytes, nonce, associated).encrypt(plaintext);
    }),
  aesGcmOpen: (key, nonce, sealed, associated) =>
    withKey(key, (bytes) => {
      requireGcm(bytes, nonce);
      try {
        return gcm(bytes, nonce, associated).decrypt(sealed);
      } catch {
        return undefined;
      }
    }),
  aesCfb: (direction, key, iv, data) =>
    withKey(key, (bytes) => {
      requireCfb(bytes, iv);
      return cfb(bytes, iv)[direction](data);
    }),
  random,
  publicKey: importPublic,
  verify: (key, algorithm, data, signature) => {
    if (!fitsKey(key.type, algorithm)) return false;
    return key.type === 'ec'
      ? ecdsaVerify(key, algorithm, data, signature)
      : rsaVerify(key, algorithm, data, signature);
  },
  agreeEphemeral: (peer) => {
    const scalar = newScalar(peer.curve, random);
    const sharedSecret = sharedX(peer.curve, scalar, peer);
    const publicKey = ecPublicKeyOf(peer.curve, scalar);
    scalar.wipe();
    return { publicKey, sharedSecret };
  },
  rsaOaepEncrypt: (key, hash, label, plaintext) => oaepEncrypt(key, hash, label, plaintext, random),
  generateKey: async (spec) => {
    if (spec.type === 'rsa') {
      const pkcs8 = await generateRsa(spec.bits);
      const key = expectOk(importPrivate(pkcs8));
      pkcs8.wipe();
      return key;
    }
    const scalar = newScalar(spec.curve, random);
    return ecPrivateKey(ecPublicKeyOf(spec.curve, scalar), scalar);
  },
  privateKey: importPrivate,
};

/** WebCrypto gives no more at once. */
const MAX_RANDOM = 65_536;

/** In pieces: WebCrypto refuses to fill more at once. */
function random(length: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(length);
  for (let at = 0; at < length; at += MAX_RANDOM) globalThis.crypto.getRandomValues(out.subarray(at, at + MAX_RANDOM));
  return out;
}

function importPublic(spec: PublicKeySpec): Result<PublicKey, Fault<'invalid-key'>> {
  const key = publicKeyFrom(spec);
  if (key.ok && key.value.type === 'ec' && !isOnCurve(key.value))
    return fail('invalid-key', `the point is not on ${key.value.curve}`);
  return key;
}

function importPrivate(pkcs8: Secret): Result<PrivateKey, Fault<'invalid-key'>> {
  const sound = privateKeyFrom(pkcs8, { publicKey: importPublic, pointOf });
  if (!sound.ok) return sound;
  const key = sound.value;
  return ok(key.type === 'ec' ? ecPrivateKey(key.publicKey, key.scalar) : rsaPrivateKey(key.publicKey, key.pkcs8));
}

/** Of a scalar just made here, which needs no check. */
function ecPublicKeyOf(curve: CurveName, scalar: Secret): EcPublicKey {
  const point = scalar.use((bytes) => pointOf(curve, bytes)) as Uint8Array;
  const width = curveWidth(curve);
  const [x, y] = [point.slice(1, 1 + width), point.slice(1 + width)];
  return expectOk(publicKeyFrom({ type: 'ec', curve, x, y })) as EcPublicKey;
}
