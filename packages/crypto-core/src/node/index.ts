import {
  constants,
  createCipheriv,
  createDecipheriv,
  createECDH,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPair,
  generateKeyPairSync,
  hash,
  hkdfSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';
import { promisify } from 'node:util';
import { expectOk, type Fault, fail, ok, type Result } from '@sekimori/result';
import {
  type CurveName,
  curveWidth,
  fitsKey,
  hashOf,
  type SignatureAlgorithm,
  signatureFamily,
} from '../algorithms.ts';
import type { Crypto, KeySpec, PrivateKey, PublicKeySpec } from '../crypto.ts';
import { GCM_TAG, requireCfb, requireGcm, secretAndWipe, withKey } from '../key-material.ts';
import { ecPkcs8 } from '../pkcs8.ts';
import { privateKeyFrom } from '../private-key-checks.ts';
import { curveBits, publicKeyFrom } from '../public-key-checks.ts';
import type { EcPublicKey, PublicKey } from '../public-key.ts';
import { Secret } from '../secret.ts';
import { spkiOf } from '../spki.ts';

export { encryptSectors, SECTOR_BYTES } from './xts.ts';

/** The provider over node:crypto (OpenSSL): for services, hosts and command lines. */
export const nodeCrypto: Crypto = {
  hash: (name, data) => bare(hash(name, data, 'buffer')),
  hmac: (name, key, data) => withKey(key, (bytes) => bare(createHmac(name, bytes).update(data).digest())),
  hkdf: (name, secret, salt, info, length) =>
    withKey(secret, (bytes) => new Secret(new Uint8Array(hkdfSync(name, bytes, salt, info, length)))),
  aesGcmSeal: (key, nonce, plaintext, associated) =>
    withKey(key, (bytes) => {
      requireGcm(bytes, nonce);
      const cipher = createCipheriv(gcmName(bytes), bytes, nonce).setAAD(associated);
      return bare(Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]));
    }),
  aesGcmOpen: (key, nonce, sealed, associated) =>
    withKey(key, (bytes) => {
      requireGcm(bytes, nonce);
      if (sealed.length < GCM_TAG) return undefined;
      const end = sealed.length - GCM_TAG;
      const decipher = createDecipheriv(gcmName(bytes), bytes, nonce, { authTagLength: GCM_TAG });
      decipher.setAAD(associated).setAuthTag(sealed.subarray(end));
      try {
        return bare(Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()]));
      } catch {
        return undefined;
      }
    }),
  aesCfb: (direction, key, iv, data) =>
    withKey(key, (bytes) => {
      requireCfb(bytes, iv);
      const make = direction === 'encrypt' ? createCipheriv : createDecipheriv;
      const cipher = make(`aes-${8 * bytes.length}-cfb`, bytes, iv);
      return bare(Buffer.concat([cipher.update(data), cipher.final()]));
    }),
  random: (length) => bare(randomBytes(length)),
  publicKey: (spec) => importPublic(spec),
  verify: (key, algorithm, data, signature) => {
    if (!fitsKey(key.type, algorithm)) return false;
    // OpenSSL would take a shorter RSAPSS signature for one with zeros before it
    if (signature.length !== (key.type === 'ec' ? 2 * curveWidth(key.curve) : key.modulus.length)) return false;
    try {
      return verify(
        hashOf(algorithm),
        data,
        { key: keyObject(key), ...padding(algorithm, constants.RSA_PSS_SALTLEN_AUTO) },
        signature,
      );
    } catch {
      return false;
    }
  },
  agreeEphemeral: (peer) => {
    const fresh = generateKeyPairSync('ec', { namedCurve: OPENSSL_CURVE[peer.curve] });
    const sharedSecret = secretAndWipe(diffieHellman({ privateKey: fresh.privateKey, publicKey: keyObject(peer) }));
    return { publicKey: ownPublicKey(fresh.publicKey, peer.curve), sharedSecret };
  },
  rsaOaepEncrypt: (key, oaepHash, label, plaintext) =>
    bare(
      publicEncrypt(
        { key: keyObject(key), padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash, oaepLabel: label },
        plaintext,
      ),
    ),
  generateKey: async (spec) => {
    const { privateKey, publicKey } = await generate(spec);
    const imported = importPublic({ type: 'spki', der: publicKey.export({ format: 'der', type: 'spki' }) });
    return privateKeyOf(privateKey, expectOk(imported));
  },
  privateKey: (pkcs8) => importPrivate(pkcs8),
};

const OPENSSL_CURVE: Readonly<Record<CurveName, string>> = {
  'P-256': 'prime256v1',
  'P-384': 'secp384r1',
  'P-521': 'secp521r1',
};
const generatePair = promisify(generateKeyPair);
/** Importing a key costs as much as using it, so each PublicKey keeps its KeyObject for as long as it lives. */
const keyObjects = new WeakMap<PublicKey, KeyObject>();

function importPublic(spec: PublicKeySpec): Result<PublicKey, Fault<'invalid-key'>> {
  const key = publicKeyFrom(spec);
  if (!key.ok) return key;
  try {
    keyObject(key.value);
  } catch {
    const { value } = key;
    return fail('invalid-key', value.type === 'ec' ? `the point is not on ${value.curve}` : 'the key was refused');
  }
  return key;
}

function importPrivate(pkcs8: Secret): Result<PrivateKey, Fault<'invalid-key'>> {
  const sound = privateKeyFrom(pkcs8, { publicKey: importPublic, pointOf });
  if (!sound.ok) return sound;
  const canonical = sound.value.type === 'ec' ? ecPkcs8(sound.value.publicKey, sound.value.scalar) : sound.value.pkcs8;
  const key = unlessThrown(() =>
    canonical.use((bytes) => createPrivateKey({ key: bufferOver(bytes), format: 'der', type: 'pkcs8' })),
  );
  canonical.wipe();
  if (sound.value.type === 'ec') sound.value.scalar.wipe();
  return key ? ok(privateKeyOf(key, sound.value.publicKey)) : fail('invalid-key', 'the key was refused');
}

/** OpenSSL, asked to read a key, takes any number for a scalar and any point of the curve beside it; asked so, it does not. */
function pointOf(curve: CurveName, scalar: Uint8Array): Uint8Array | undefined {
  const agreement = createECDH(OPENSSL_CURVE[curve]);
  return unlessThrown(() => {
    agreement.setPrivateKey(scalar);
    return bare(agreement.getPublicKey());
  });
}

/** Of a key pair just made here, which needs no check. */
function ownPublicKey(key: KeyObject, curve: CurveName): EcPublicKey {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  const point = { x: bare(Buffer.from(x, 'base64url')), y: bare(Buffer.from(y, 'base64url')) };
  const parts = { type: 'ec', curve, ...point } as const;
  const own: EcPublicKey = { ...parts, bits: curveBits(curve), spki: spkiOf(parts) };
  keyObjects.set(own, key);
  return own;
}

function keyObject(key: PublicKey): KeyObject {
  const known = keyObjects.get(key);
  if (known) return known;
  const made = createPublicKey({ key: Buffer.from(key.spki), format: 'der', type: 'spki' });
  keyObjects.set(key, made);
  return made;
}

function privateKeyOf(key: KeyObject, publicKey: PublicKey): PrivateKey {
  return {
    publicKey,
    sign: async (algorithm, data) => {
      if (!fitsKey(publicKey.type, algorithm)) throw new Error(`${algorithm} does not fit this key`);
      return bare(sign(hashOf(algorithm), data, { key, ...padding(algorithm, constants.RSA_PSS_SALTLEN_DIGEST) }));
    },
    agree: async (peer: EcPublicKey) => {
      if (publicKey.type !== 'ec' || publicKey.curve !== peer.curve) throw new Error('the keys are not on one curve');
      return secretAndWipe(diffieHellman({ privateKey: key, publicKey: keyObject(peer) }));
    },
    decrypt: async (oaepHash, label, ciphertext) => {
      if (publicKey.type !== 'rsa') throw new Error('not an RSA key');
      if (ciphertext.length !== publicKey.modulus.length) return undefined; // as above
      try {
        const options = { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash, oaepLabel: label };
        return secretAndWipe(privateDecrypt(options, ciphertext));
      } catch {
        return undefined;
      }
    },
    export: () => secretAndWipe(key.export({ format: 'der', type: 'pkcs8' })),
  };
}

function generate(spec: KeySpec): Promise<{ readonly privateKey: KeyObject; readonly publicKey: KeyObject }> {
  return spec.type === 'rsa'
    ? generatePair('rsa', { modulusLength: spec.bits })
    : generatePair('ec', { namedCurve: OPENSSL_CURVE[spec.curve] });
}

function padding(algorithm: SignatureAlgorithm, saltLength: number): object {
  const family = signatureFamily(algorithm);
  if (family === 'ecdsa') return { dsaEncoding: 'ieee-p1363' };
  if (family === 'rsassa') return { padding: constants.RSA_PKCS1_PADDING };
  return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
}

function unlessThrown<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** A Buffer over the same memory: no second copy of a secret. */
function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A plain array over the same memory, so that no Buffer leaves this provider. */
function bare(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

function gcmName(key: Uint8Array): 'aes-128-gcm' | 'aes-256-gcm' {
  return key.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm';
}
