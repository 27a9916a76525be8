import { Secret } from '@sekimori/crypto-core';

const KEY_BYTES = 32;
const DIGITS = new TextEncoder().encode('0123456789abcdef');

/**
 * The passphrase that a LUKS key is: the 64 lower-case hex digits of its 32 random bytes, and no end of line. QEMU takes nothing but
 * UTF-8, and cryptsetup takes this too.
 */
export function luksPassphrase(key: Secret): Secret {
  if (key.length !== KEY_BYTES) throw new RangeError(`a disk key has ${KEY_BYTES} bytes`);
  const digits = new Uint8Array(2 * KEY_BYTES);
  // Not by way of a string: it could not be wiped.
  key.use((bytes) => {
    for (const [index, byte] of bytes.entries())
      digits.set([DIGITS[byte >> 4] ?? 0, DIGITS[byte & 15] ?? 0], 2 * index);
  });
  const passphrase = new Secret(digits);
  digits.fill(0);
  return passphrase;
}
