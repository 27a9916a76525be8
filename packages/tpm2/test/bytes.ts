import { fromHex } from '@sekimori/bytes';

/** Bytes from hex with white space in it, as specifications print them. */
export function hex(text: string): Uint8Array {
  const bytes = fromHex(text.replaceAll(/\s/g, ''));
  if (!bytes) throw new Error(`not hex: ${text}`);
  return bytes;
}

/** Every truncation, every byte flipped three ways, one byte added at either end. */
function* damaged(bytes: Uint8Array): Generator<Uint8Array> {
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

const SIZES = [0xff, 0xffff, 0xffffffff];

/** As `damaged`, and at each place a declared size, or what would be one, as large as 1, 2 and 4 bytes can say. */
export function* hostile(bytes: Uint8Array): Generator<Uint8Array> {
  yield* damaged(bytes);
  for (const [index, size] of SIZES.entries())
    for (let at = 0; at + 2 ** index <= bytes.length; at++) {
      const changed = Uint8Array.from(bytes);
      const view = new DataView(changed.buffer, at);
      if (index === 0) view.setUint8(0, size);
      else if (index === 1) view.setUint16(0, size);
      else view.setUint32(0, size);
      yield changed;
    }
}
