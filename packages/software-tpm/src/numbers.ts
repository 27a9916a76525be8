import { fromHex, toHex } from '@sekimori/bytes';

// Arithmetic of the keys whose insides a TPM shows or needs. Not in constant time.

export function mod(value: bigint, p: bigint): bigint {
  const rest = value % p;
  return rest < 0n ? rest + p : rest;
}

/** Euclid's algorithm; `value` and `p` have no common factor. */
export function inverse(value: bigint, p: bigint): bigint {
  let [r, next] = [p, mod(value, p)];
  let [t, nextT] = [0n, 1n];
  while (next !== 0n) {
    const quotient = r / next;
    [r, next] = [next, r - quotient * next];
    [t, nextT] = [nextT, t - quotient * nextT];
  }
  return mod(t, p);
}

export function power(base: bigint, exponent: bigint, p: bigint): bigint {
  let result = 1n;
  for (let square = mod(base, p), left = exponent; left > 0n; left >>= 1n, square = (square * square) % p)
    if (left & 1n) result = (result * square) % p;
  return result;
}

export function toBigint(bytes: Uint8Array): bigint {
  return BigInt(`0x0${toHex(bytes)}`);
}

/** Big-endian, `width` bytes. Throws for a number that is wider. */
export function bytesOf(value: bigint, width: number): Uint8Array {
  const bytes = fromHex(value.toString(16).padStart(2 * width, '0'));
  if (bytes?.length !== width) throw new RangeError(`a number of more than ${width} bytes`);
  return bytes;
}
