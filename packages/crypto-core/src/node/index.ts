import {
  constants,
  createCipheriv,
  createDecipheriv,
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
import { leftPad, stripLeadingZeros } from '@sekimori/bytes';
import { type Fault, type Result, fail, ok } from '@sekimori/result';
import { type CurveName, curveWidth, hashOf, type SignatureAlgorithm, signatureFamily } from '../algorithms.ts';
import type { Crypto, KeyMaterial, KeySpec, PrivateKey, PublicKeySpec } from '../crypto.ts';
import type { EcPublicKey, PublicKey, RsaPublicKey } from '../public-key.ts';
import { Secret } from '../secret.ts';
import { parseSpki, spkiOf } from '../spki.ts';

export { encryptSectors, SECTOR_BYTES } from './xts.ts';

/** The provider over node:crypto (OpenSSL): for services, hosts and command lines. */
export const nodeCrypto: Crypto = {
  hash: (name, data) => bare(hash(name, data, 'buffer')),
  hmac: (name, key, data) => withKey(key, (bytes) => bare(createHmac(name, bytes).update(data).digest())),
  hkdf: (name, secret, salt, info, length) =>
    withKey(secret, (bytes) => new Secret(new Uint8Array(hkdfSync(name, bytes, salt, info, length)))),
  aesGcmSeal: (key, nonce, plaintext, associated) =>
    withKey(key, (bytes) => {
      const cipher = createCipheriv(gcmName(bytes), bytes, twelve(nonce)).setAAD(associated);
      return bare(Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]));
    }),
  aesGcmOpen: (key, nonce, sealed, associated) =>
    withKey(key, (bytes) => {
      if (sealed.length < TAG_LENGTH) return undefined;
      const end = sealed.length - TAG_LENGTH;
      const decipher = createDecipheriv(gcmName(bytes), bytes, twelve(nonce), {
        authTagLength: TAG_LENGTH,
      });
      decipher.setAAD(associated).setAuthTag(sealed.subarray(end));
      try {
        return bare(Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()]));
      } catch {
        return undefined;
      }
    }),
  aesCfb: (direction, key, iv, data) =>
    withKey(key, (bytes) => {
      const make = direction === 'encrypt' ? createCipheriv : createDecipheriv;
      const cipher = make(`aes-${8 * bytes.length}-cfb`, bytes, iv);
      return bare(Buffer.concat([cipher.update(data), cipher.final()]));
    }),
  random: (length) => bare(randomBytes(length)),
  publicKey: (spec) => importPublic(spec),
  verify: (key, algorithm, data, signature) => {
    if (!fits(key, algorithm)) return false;
    if (key.type === 'ec' && signature.length !== 2 * curveWidth(key.curve)) return false;
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
  generateKey: async (spec) => privateKeyOf((await generate(spec)).privateKey),
  privateKey: (pkcs8) => {
    try {
      const key = pkcs8.use((bytes) => createPrivateKey({ key: Buffer.from(bytes), format: 'der', type: 'pkcs8' }));
      return ok(privateKeyOf(key));
    } catch {
      return fail('invalid-key', 'not a PKCS#8 private key of a supported kind');
    }
  },
};

const TAG_LENGTH = 16;
const OPENSSL_CURVE: Readonly<Record<CurveName, string>> = {
  'P-256': 'prime256v1',
  'P-384': 'secp384r1',
  'P-521': 'secp521r1',
};
const generatePair = promisify(generateKeyPair);
/** Importing a key costs as much as using it, so each PublicKey keeps its KeyObject for as long as it lives. */
const keyObjects = new WeakMap<PublicKey, KeyObject>();

function importPublic(spec: PublicKeySpec): Result<PublicKey, Fault<'invalid-key'>> {
  const parsed = spec.type === 'spki' ? parseSpki(spec.der) : ok(spec);
  if (!parsed.ok) return parsed;
  const parts = parsed.value;
  let key: PublicKey;
  if (parts.type === 'rsa') {
    const modulus = Uint8Array.from(stripLeadingZeros(parts.modulus));
    const bits = 8 * modulus.length + 24 - Math.clz32(modulus[0] ?? 0);
    if (bits < 2048 || bits > 8192) return fail('invalid-key', `RSA with ${bits} bits; 2048 to 8192 are accepted`);
    if (parts.exponent < 3 || parts.exponent % 2 === 0)
      return fail('invalid-key', `the RSA exponent ${parts.exponent}`);
    key = { type: 'rsa', modulus, exponent: parts.exponent, bits, spki: spkiOf({ ...parts, modulus }) };
  } else {
    const width = curveWidth(parts.curve);
    const [x, y] = [leftPad(parts.x, width), leftPad(parts.y, width)];
    if (!x || !y) return fail('invalid-key', `a coordinate is wider than ${parts.curve}`);
    key = {
      type: 'ec',
      curve: parts.curve,
      x,
      y,
      bits: bitsOf(parts.curve),
      spki: spkiOf({ type: 'ec', curve: parts.curve, x, y }),
    };
  }
  try {
    // OpenSSL refuses a point that is not on its curve
    keyObjects.set(key, createPublicKey({ key: Buffer.from(key.spki), format: 'der', type: 'spki' }));
  } catch {
    return fail('invalid-key', 'the key was refused; is its point on the curve?');
  }
  return ok(key);
}

/** Of a key pair just made here, which needs no check. */
function ownPublicKey(key: KeyObject, curve: CurveName): EcPublicKey {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  const point = { x: bare(Buffer.from(x, 'base64url')), y: bare(Buffer.from(y, 'base64url')) };
  const parts = { type: 'ec', curve, ...point } as const;
  const own: EcPublicKey = { ...parts, bits: bitsOf(curve), spki: spkiOf(parts) };
  keyObjects.set(own, key);
  return own;
}

function bitsOf(curve: CurveName): number {
  return curve === 'P-521' ? 521 : 8 * curveWidth(curve);
}

function keyObject(key: PublicKey): KeyObject {
  const known = keyObjects.get(key);
  if (known) return known;
  const made = createPublicKey({ key: Buffer.from(key.spki), format: 'der', type: 'spki' });
  keyObjects.set(key, made);
  return made;
}

function privateKeyOf(key: KeyObject): PrivateKey {
  const imported = importPublic({ type: 'spki', der: createPublicKey(key).export({ format: 'der', type: 'spki' }) });
  if (!imported.ok) throw new Error(imported.fault.detail);
  const publicKey = imported.value;
  return {
    publicKey,
    sign: async (algorithm, data) => {
      if (!fits(publicKey, algorithm)) throw new Error(`${algorithm} does not fit this key`);
      return bare(sign(hashOf(algorithm), data, { key, ...padding(algorithm, constants.RSA_PSS_SALTLEN_DIGEST) }));
    },
    agree: async (peer: EcPublicKey) => {
      if (publicKey.type !== 'ec' || publicKey.curve !== peer.curve) throw new Error('the keys are not on one curve');
      return secretAndWipe(diffieHellman({ privateKey: key, publicKey: keyObject(peer) }));
    },
    decrypt: async (oaepHash, label, ciphertext) => {
      if (publicKey.type !== 'rsa') throw new Error('not an RSA key');
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

function generate(spec: KeySpec): Promise<{ readonly privateKey: KeyObject }> {
  return spec.type === 'rsa'
    ? generatePair('rsa', { modulusLength: spec.bits })
    : generatePair('ec', { namedCurve: OPENSSL_CURVE[spec.curve] });
}

function fits(key: PublicKey | RsaPublicKey, algorithm: SignatureAlgorithm): boolean {
  return (signatureFamily(algorithm) === 'ecdsa') === (key.type === 'ec');
}

function padding(algorithm: SignatureAlgorithm, saltLength: number): object {
  const family = signatureFamily(algorithm);
  if (family === 'ecdsa') return { dsaEncoding: 'ieee-p1363' };
  if (family === 'rsassa') return { padding: constants.RSA_PKCS1_PADDING };
  return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
}

function withKey<T>(key: KeyMaterial, work: (bytes: Uint8Array) => T): T {
  return key instanceof Secret ? key.use(work) : work(key);
}

function secretAndWipe(bytes: Buffer): Secret {
  const secret = new Secret(bytes);
  bytes.fill(0);
  return secret;
}

/** A plain array over the same memory, so that no Buffer leaves this provider. */
function bare(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

function gcmName(key: Uint8Array): 'aes-128-gcm' | 'aes-256-gcm' {
  if (key.length !== 16 && key.length !== 32) throw new RangeError('an AES-GCM key has 16 or 32 bytes');
  return key.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm';
}

function twelve(nonce: Uint8Array): Uint8Array {
  if (nonce.length !== 12) throw new RangeError('an AES-GCM nonce has 12 bytes');
  return nonce;
}
