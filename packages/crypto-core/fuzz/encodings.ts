import { concat, equal, fromHex, fromUtf8, toBase64Url, utf8 } from '@sekimori/bytes';
import {
  CURVES,
  type CurveName,
  ecdsaFromDer,
  ecdsaToDer,
  parseSpki,
  readUncompressedPoint,
  Secret,
  signCompactJws,
  spkiOf,
  uncompressedPoint,
  verifyCompactJws,
} from '../src/index.ts';
import { nodeCrypto } from '../src/node/index.ts';

/** The base point of P-256: a key whose private half everybody knows. */
const BASE_POINT = concat(
  fromHex('6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296')!,
  fromHex('4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5')!,
);
const [x, y] = [BASE_POINT.subarray(0, 32), BASE_POINT.subarray(32)];
const EC_KEY = spkiOf({ type: 'ec', curve: 'P-256', x, y });
const RSA_KEY = spkiOf({ type: 'rsa', modulus: new Uint8Array(256).fill(0xf1), exponent: 65537 });
const NAMES = Object.keys(CURVES) as CurveName[];
const KEY = await nodeCrypto.generateKey({ type: 'ec', curve: 'P-256' });
const expected = { typ: 'test+jws', maxLength: 4096, keyOf: () => KEY.publicKey };

/** What comes from outside gives false, undefined or a fault. */
export const targets = {
  spki: (bytes: Uint8Array): string => {
    const parts = parseSpki(bytes);
    const key = nodeCrypto.publicKey({ type: 'spki', der: bytes });
    if (!parts.ok) {
      if (key.ok) throw new Error('a key out of bytes that are none');
      return parts.fault.detail.replaceAll(/[\d.]+/g, 'n');
    }
    if (key.ok && !equal(key.value.spki, spkiOf(parts.value))) throw new Error('a key has two forms');
    return `${parts.value.type} ${key.ok}`;
  },
  point: (bytes: Uint8Array): string =>
    NAMES.map((curve) => {
      const key = readUncompressedPoint(nodeCrypto, curve, bytes);
      if (key && !equal(uncompressedPoint(key), bytes)) throw new Error('a point has two forms');
      return key !== undefined;
    }).join(),
  ecdsa: (bytes: Uint8Array): string =>
    NAMES.map((curve) => {
      const signature = ecdsaFromDer(bytes, curve);
      if (signature && !equal(ecdsaFromDer(ecdsaToDer(signature), curve) ?? bytes, signature))
        throw new Error('a signature came back as another');
      return signature !== undefined;
    }).join(),
  pkcs8: (bytes: Uint8Array): string => String(nodeCrypto.privateKey(new Secret(bytes)).ok),
  jws: (bytes: Uint8Array): string => {
    const outcome = verifyCompactJws(nodeCrypto, fromUtf8(bytes) ?? '', expected);
    return outcome.ok ? 'ok' : `${outcome.fault.code} ${outcome.fault.detail}`;
  },
  /** Header and payload of any content, divided by the first zero, under a signature that holds. */
  signedJws: async (bytes: Uint8Array): Promise<string> => {
    const divide = bytes.includes(0) ? bytes.indexOf(0) : bytes.length;
    const content = `${toBase64Url(bytes.subarray(0, divide))}.${toBase64Url(bytes.subarray(divide + 1))}`;
    const jws = `${content}.${toBase64Url(await KEY.sign('ecdsa-sha256', utf8(content)))}`;
    const outcome = verifyCompactJws(nodeCrypto, jws, expected);
    return outcome.ok ? 'ok' : `${outcome.fault.code} ${outcome.fault.detail}`;
  },
};

const JWS = await signCompactJws({ typ: expected.typ, kid: 'a' }, { n: 1 }, async () => new Uint8Array(64).fill(1));
const SEEDS: Readonly<Record<string, readonly Uint8Array[]>> = {
  spki: [EC_KEY, RSA_KEY],
  point: [uncompressedPoint({ x, y })],
  ecdsa: [ecdsaToDer(BASE_POINT)],
  pkcs8: [EC_KEY],
  jws: [utf8(JWS)],
  signedJws: [utf8(`${JSON.stringify({ alg: 'ES256', typ: expected.typ, kid: 'a' })}\0${JSON.stringify({ n: 1 })}`)],
};

export const seeds = (name = ''): readonly Uint8Array[] => SEEDS[name] ?? [];
