import { equal } from '@sekimori/bytes';
import { type Fault, type Result, fail, ok } from '@sekimori/result';
import { type CurveName, curveWidth } from './algorithms.ts';
import type { Crypto } from './crypto.ts';
import { secretAndWipe } from './key-material.ts';
import { parsePkcs8, type PrivateParts, rsaPkcs8 } from './pkcs8.ts';
import type { EcPublicKey, RsaPublicKey } from './public-key.ts';
import type { Secret } from './secret.ts';

/** What is left of a PKCS#8 after its checks; the secrets are copies of the provider's own. */
export type SoundPrivateKey =
  | { readonly type: 'ec'; readonly publicKey: EcPublicKey; readonly scalar: Secret }
  | { readonly type: 'rsa'; readonly publicKey: RsaPublicKey; readonly pkcs8: Secret };

/** What a provider lends for the check. */
export interface PrivateKeyArithmetic extends Pick<Crypto, 'publicKey'> {
  /** The uncompressed point of a scalar; undefined for 0 and for what is not below the curve's order. */
  pointOf(curve: CurveName, scalar: Uint8Array): Uint8Array | undefined;
}

/**
 * A private key from PKCS#8, as every provider asks it to be. `invalid-key`: not the form `parsePkcs8` reads; a public half
 * that `publicKey` refuses; an EC scalar out of range, or beside a point that is another key's.
 */
export function privateKeyFrom(
  pkcs8: Secret,
  arithmetic: PrivateKeyArithmetic,
): Result<SoundPrivateKey, Fault<'invalid-key'>> {
  return pkcs8.use((bytes) => {
    const parts = parsePkcs8(bytes);
    if (!parts.ok) return parts;
    return parts.value.type === 'ec' ? soundEc(parts.value, arithmetic) : soundRsa(parts.value, arithmetic);
  });
}

function soundEc(
  { curve, scalar, point }: Extract<PrivateParts, { type: 'ec' }>,
  arithmetic: PrivateKeyArithmetic,
): Result<SoundPrivateKey, Fault<'invalid-key'>> {
  const own = arithmetic.pointOf(curve, scalar);
  const secret = secretAndWipe(scalar);
  if (!own || (point && !equal(point, own))) {
    secret.wipe();
    return fail('invalid-key', own ? 'the public key beside it is another' : `the scalar is not one of ${curve}`);
  }
  const width = curveWidth(curve);
  const key = arithmetic.publicKey({ type: 'ec', curve, x: own.slice(1, 1 + width), y: own.slice(1 + width) });
  if (!key.ok) return key;
  return ok({ type: 'ec', publicKey: key.value as EcPublicKey, scalar: secret });
}

function soundRsa(
  { modulus, exponent, body }: Extract<PrivateParts, { type: 'rsa' }>,
  arithmetic: PrivateKeyArithmetic,
): Result<SoundPrivateKey, Fault<'invalid-key'>> {
  const key = arithmetic.publicKey({ type: 'rsa', modulus, exponent });
  if (!key.ok) return key;
  return ok({ type: 'rsa', publicKey: key.value as RsaPublicKey, pkcs8: rsaPkcs8(body) });
}
