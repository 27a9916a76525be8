import { concat, u32be, utf8 } from '@sekimori/bytes';
import { type Crypto, type HashName, type KeyMaterial, Secret } from '@sekimori/crypto-core';

const ZERO = Uint8Array.of(0);

/**
 * KDFa: the counter-mode KDF of SP 800-108 with HMAC. Part 1, 11.4.10.2. `label` without its NUL. Where `bits` is no multiple of
 * 8, the first byte has the fewer bits.
 */
export function kdfa(
  crypto: Crypto,
  hash: HashName,
  key: KeyMaterial,
  label: string,
  contextU: Uint8Array,
  contextV: Uint8Array,
  bits: number,
): Secret {
  const fixed = concat(utf8(label), ZERO, contextU, contextV, u32be(bits));
  return take(bits, (counter) => crypto.hmac(hash, key, concat(counter, fixed)));
}

/** KDFe: the concatenation KDF of SP 800-56A. Part 1, 11.4.10.3. Coordinates of the curve's width. */
export function kdfe(
  crypto: Crypto,
  hash: HashName,
  z: Secret,
  label: string,
  partyU: Uint8Array,
  partyV: Uint8Array,
  bits: number,
): Secret {
  const fixed = concat(utf8(label), ZERO, partyU, partyV);
  return take(bits, (counter) => z.use((bytes) => crypto.hash(hash, concat(counter, bytes, fixed))));
}

function take(bits: number, block: (counter: Uint8Array) => Uint8Array): Secret {
  const out = new Uint8Array(Math.ceil(bits / 8));
  for (let at = 0, counter = 1; at < out.length; counter++) {
    const part = block(u32be(counter)).subarray(0, out.length - at);
    out.set(part, at);
    at += part.length;
  }
  if (bits % 8 !== 0) out[0]! &= (1 << (bits % 8)) - 1;
  const secret = new Secret(out);
  out.fill(0);
  return secret;
}
