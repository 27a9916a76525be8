import { fromHex } from '@sekimori/bytes';

/** Bytes from hex with white space in it, as specifications print them. */
export function hex(text: string): Uint8Array {
  const bytes = fromHex(text.replaceAll(/\s/g, ''));
  if (!bytes) throw new Error(`not hex: ${text}`);
  return bytes;
}

/** Every truncation, every byte flipped three ways, one byte added at either end. */
export function* damaged(bytes: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length < bytes.length; length++) yield bytes.slice(0, length);
  for (let at = 0; at < bytes.length; at++)
    for (const flip of [0x01, 0x80, 0xff]) {
      const changed = Uint8Array.from(bytes);
      changed[at]! ^= flip;
      yield changed;
    }
  yield Uint8Array.of(...bytes, 0);
  yield Uint8Array.of(0, ...bytes);
}
