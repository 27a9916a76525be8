import { concat, leftPad, u16be, u32be } from '@sekimori/bytes';
import type { Crypto, EcPublicKey, PublicKey } from '@sekimori/crypto-core';
import { curveWidth } from '@sekimori/crypto-core';
import { type Fault, fail, type Result } from '@sekimori/result';
import { TPM_ALG } from './algorithms.ts';
import type { TpmsEccPoint } from './buffers.ts';
import type { PublicArea } from './public-area.ts';

/** The Name of an object: nameAlg || H(TPMT_PUBLIC), over the bytes that arrived. Part 1, 16. */
export function nameOf(crypto: Crypto, area: PublicArea): Uint8Array {
  const { nameAlg } = area.value;
  return concat(u16be(TPM_ALG[nameAlg]), crypto.hash(nameAlg, area.bytes));
}

/** The Qualified Name of a primary object: nameAlg || H(hierarchy handle || Name). Part 1, 16. */
export function qualifiedNameOfPrimary(crypto: Crypto, area: PublicArea, hierarchy: number): Uint8Array {
  return qualifiedNameOf(crypto, area, u32be(hierarchy));
}

/** The same below a parent, whose Qualified Name must be known. */
export function qualifiedNameOf(crypto: Crypto, area: PublicArea, parentQualifiedName: Uint8Array): Uint8Array {
  const { nameAlg } = area.value;
  const digest = crypto.hash(nameAlg, concat(parentQualifiedName, nameOf(crypto, area)));
  return concat(u16be(TPM_ALG[nameAlg]), digest);
}

/** `invalid-key` also for an object that is no asymmetric key, or whose size differs from what its parameters say. */
export function publicKeyOf(crypto: Crypto, area: PublicArea): Result<PublicKey, Fault<'invalid-key'>> {
  const { parameters, unique } = area.value;
  if (parameters.is === 'rsa' && unique.is === 'rsa') {
    const { keyBits, exponent } = parameters.value;
    if (8 * unique.value.length !== keyBits || ((unique.value[0] ?? 0) & 0x80) === 0)
      return fail('invalid-key', `the modulus has not the ${keyBits} bits its public area says`);
    return crypto.publicKey({ type: 'rsa', modulus: unique.value, exponent: exponent === 0 ? 65537 : exponent });
  }
  if (parameters.is === 'ecc' && unique.is === 'ecc')
    return crypto.publicKey({ type: 'ec', curve: parameters.value.curveID, x: unique.value.x, y: unique.value.y });
  return fail('invalid-key', `a ${area.value.type} object is no public key`);
}

/** A point as TPMS_ECC_POINT, coordinates of full width. */
export function pointOf(key: EcPublicKey): TpmsEccPoint {
  return { x: key.x, y: key.y };
}

/** The x-coordinate of a point, of the curve's width: what ECDH gives. Undefined when it is too wide. */
export function xOf(point: TpmsEccPoint, curve: EcPublicKey['curve']): Uint8Array | undefined {
  return leftPad(point.x, curveWidth(curve));
}
