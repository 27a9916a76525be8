import type { Crypto, PublicKey } from '@sekimori/crypto-core';
import { isRocaWeak } from '@sekimori/pki';
import { type Fault, fail, type Result } from '@sekimori/result';
import { type PublicArea, publicKeyOf, type TpmtPublic } from '@sekimori/tpm2';

export type Attribute = keyof TpmtPublic['objectAttributes'];

/** The attributes that differ from what must be set and what must be clear; the rest may be either. */
export function wrongAttributes(
  area: TpmtPublic,
  set: readonly Attribute[],
  clear: readonly Attribute[],
): readonly string[] {
  const attributes = area.objectAttributes;
  return [
    ...set.filter((each) => !attributes[each]).map((each) => `${each} is clear`),
    ...clear.filter((each) => attributes[each]).map((each) => `${each} is set`),
  ];
}

/** RSA from 2048 bits with exponent 65537 and not of the ROCA kind; EC on P-256, P-384 or P-521. */
export function soundKey(crypto: Crypto, area: PublicArea): Result<PublicKey, Fault<'weak'>> {
  const key = publicKeyOf(crypto, area);
  if (!key.ok) return fail('weak', key.fault.detail, { cause: key.fault });
  if (key.value.type === 'rsa' && key.value.exponent !== 65537)
    return fail('weak', `the exponent is ${key.value.exponent}, not 65537`);
  if (key.value.type === 'rsa' && isRocaWeak(key.value.modulus))
    return fail('weak', 'the modulus has the ROCA fingerprint (CVE-2017-15361)');
  return key;
}
