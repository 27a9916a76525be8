import { toHex } from '@sekimori/bytes';
import type { PublicKey } from '@sekimori/crypto-core';

const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
];
/** For each prime, the powers of 65537 modulo it. */
const FINGERPRINT = PRIMES.map((prime) => ({ prime: BigInt(prime), powers: powersOf65537(prime) }));

/**
 * ROCA (CVE-2017-15361): moduli of a flawed RSA library are powers of 65537 modulo every small prime. They can be
 * factored. A sound modulus looks so by chance once in 2^27.
 */
export function isRocaWeak(key: PublicKey): boolean {
  if (key.type !== 'rsa') return false;
  const modulus = BigInt(`0x${toHex(key.modulus)}`);
  return FINGERPRINT.every(({ prime, powers }) => powers.has(Number(modulus % prime)));
}

function powersOf65537(prime: number): ReadonlySet<number> {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * 65537) % prime) powers.add(power);
  return powers;
}
