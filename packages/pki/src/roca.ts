/**
 * Whether an RSA modulus carries the fingerprint of the flawed Infineon key generator (CVE-2017-15361): its primes are
 * k*M + (65537^a mod M), so the modulus modulo each small prime is a power of 65537. By chance that happens once in 2^27.
 * Nemec et al., "The Return of Coppersmith's Attack", section 2.3.
 */
export function isRocaWeak(modulus: Uint8Array): boolean {
  return SUBGROUPS.every(([prime, powers]) => powers.has(remainder(modulus, prime)));
}

const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
];

const SUBGROUPS = PRIMES.map((prime) => {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * 65537) % prime) powers.add(power);
  return [prime, powers] as const;
});

function remainder(bigEndian: Uint8Array, divisor: number): number {
  let left = 0;
  for (const byte of bigEndian) left = (left * 256 + byte) % divisor;
  return left;
}
