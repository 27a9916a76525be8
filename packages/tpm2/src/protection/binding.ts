import { concat, equalConstantTime, leftPad, toHex } from '@sekimori/bytes';
import { type Crypto, curveWidth, ecPkcs8, Secret } from '@sekimori/crypto-core';
import { publicKeyOf } from '../structures/names.ts';
import type { TpmtSensitive } from '../structures/objects.ts';
import type { PublicArea } from '../structures/public-area.ts';

/**
 * Whether the two halves of an object belong together, as a TPM checks it when it loads one (else TPM_RC_BINDING). Part 1, 27.3 and
 * Part 2, 12.3.2.
 */
export function belongTogether(crypto: Crypto, area: PublicArea, { seedValue, sensitive }: TpmtSensitive): boolean {
  const { unique, nameAlg } = area.value;
  if (sensitive.is === 'rsa') return unique.is === 'rsa' && isFactor(sensitive.value, unique.value);
  if (sensitive.is === 'ecc') return unique.is === 'ecc' && isScalarOf(crypto, area, sensitive.value);
  return (
    unique.is === sensitive.is &&
    equalConstantTime(crypto.hash(nameAlg, concat(seedValue, sensitive.value)), unique.value)
  );
}

/** Of an RSA key the sensitive half is one prime factor, half as long as the modulus. */
function isFactor(prime: Uint8Array, modulus: Uint8Array): boolean {
  if (prime.length === 0 || 2 * prime.length !== modulus.length) return false;
  const factor = numberOf(prime);
  return factor > 1n && numberOf(modulus) % factor === 0n;
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes)}`);
}

/** The provider knows: it takes no private key whose scalar and point are not each other's. */
function isScalarOf(crypto: Crypto, area: PublicArea, scalar: Uint8Array): boolean {
  const key = publicKeyOf(crypto, area);
  const padded = key.ok && key.value.type === 'ec' ? leftPad(scalar, curveWidth(key.value.curve)) : undefined;
  if (!key.ok || key.value.type !== 'ec' || !padded) return false;
  const secret = new Secret(padded);
  const pkcs8 = ecPkcs8(key.value, secret);
  const { ok } = crypto.privateKey(pkcs8);
  padded.fill(0);
  for (const each of [secret, pkcs8]) each.wipe();
  return ok;
}
