import type { Sequence } from './sequence.ts';

/** What a new input may be made of. */
export interface Material {
  /** Inputs that did something new. */
  readonly corpus: readonly Uint8Array[];
  /** Numbers and words of the code under test. */
  readonly words: readonly Uint8Array[];
  /** In bytes. */
  readonly maxLength: number;
}

type Mutator = (random: Sequence, bytes: Uint8Array, material: Material) => Uint8Array;

/** A changed copy: one change mostly, up to eight at times. */
export function mutate(random: Sequence, input: Uint8Array, material: Material): Uint8Array {
  let bytes: Uint8Array = Uint8Array.from(input);
  const changes = 1 << random.below(random.below(2) === 0 ? 1 : 4);
  for (let change = 0; change < changes; change++)
    bytes = (MUTATORS[random.below(MUTATORS.length)] as Mutator)(random, bytes, material);
  return bytes.length > material.maxLength ? bytes.slice(0, material.maxLength) : bytes;
}

const BYTES = [0x00, 0x01, 0x10, 0x20, 0x40, 0x7f, 0x80, 0xfe, 0xff];
const NUMBERS = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];
const LONGEST_BLOCK = 64;

const MUTATORS: readonly Mutator[] = [
  flipBit,
  flipBit,
  setByte,
  setByte,
  setNumber,
  changeLength,
  fitLength,
  truncate,
  extend,
  removeBlock,
  insertBlock,
  repeatBlock,
  splice,
  putWord,
];

function flipBit(random: Sequence, bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length);
  if (at < bytes.length) bytes[at]! ^= 1 << random.below(8);
  return bytes;
}

function setByte(random: Sequence, bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length);
  if (at < bytes.length) bytes[at] = random.below(2) === 0 ? random.below(256) : pick(random, BYTES);
  return bytes;
}

function setNumber(random: Sequence, bytes: Uint8Array): Uint8Array {
  return changeNumber(random, bytes, () => pick(random, NUMBERS));
}

/** As if it were a length: one more, one less, twice, half. */
function changeLength(random: Sequence, bytes: Uint8Array): Uint8Array {
  return changeNumber(random, bytes, (old) => pick(random, [old + 1, old - 1, 2 * old, old >>> 1]));
}

/** What is left after it, as a length has it: how a shorter or longer input becomes a whole one again. */
function fitLength(random: Sequence, bytes: Uint8Array): Uint8Array {
  return changeNumber(random, bytes, (_, left) => left);
}

function truncate(random: Sequence, bytes: Uint8Array): Uint8Array {
  return bytes.slice(0, random.below(bytes.length));
}

function extend(random: Sequence, bytes: Uint8Array): Uint8Array {
  return joined(bytes, block(random));
}

function removeBlock(random: Sequence, bytes: Uint8Array): Uint8Array {
  const [start, end] = range(random, bytes);
  return joined(bytes.subarray(0, start), bytes.subarray(end));
}

function insertBlock(random: Sequence, bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length + 1);
  return joined(bytes.subarray(0, at), block(random), bytes.subarray(at));
}

function repeatBlock(random: Sequence, bytes: Uint8Array, { maxLength }: Material): Uint8Array {
  const [start, end] = range(random, bytes);
  const times = 1 + random.below(random.below(8) === 0 ? 64 : 3);
  const copies = Array.from({ length: times }, () => bytes.subarray(start, end));
  return bytes.length + times * (end - start) > 2 * maxLength
    ? bytes
    : joined(bytes.subarray(0, end), ...copies, bytes.subarray(end));
}

function splice(random: Sequence, bytes: Uint8Array, { corpus }: Material): Uint8Array {
  const other = corpus[random.below(corpus.length)] ?? bytes;
  const [start, end] = range(random, other);
  const at = random.below(bytes.length + 1);
  const from = random.below(2) === 0 ? at : at + end - start;
  return joined(bytes.subarray(0, at), other.subarray(start, end), bytes.subarray(from));
}

/** Over what stands there, or between. */
function putWord(random: Sequence, bytes: Uint8Array, { words }: Material): Uint8Array {
  const word = words[random.below(words.length)];
  if (!word) return bytes;
  const at = random.below(bytes.length + 1);
  const from = random.below(2) === 0 ? at : at + word.length;
  return joined(bytes.subarray(0, at), word, bytes.subarray(from));
}

/** Writes another number of one, two or four bytes, in either order, where one stands. */
function changeNumber(random: Sequence, bytes: Uint8Array, next: (old: number, left: number) => number): Uint8Array {
  const width = pick(random, [1, 2, 2, 4]);
  if (bytes.length < width) return bytes;
  const at = random.below(bytes.length - width + 1);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const littleEndian = random.below(4) === 0;
  const left = bytes.length - at - width;
  if (width === 1) view.setUint8(at, next(view.getUint8(at), left));
  else if (width === 2) view.setUint16(at, next(view.getUint16(at, littleEndian), left), littleEndian);
  else view.setUint32(at, next(view.getUint32(at, littleEndian), left), littleEndian);
  return bytes;
}

function block(random: Sequence): Uint8Array {
  const bytes = new Uint8Array(1 + random.below(random.below(4) === 0 ? LONGEST_BLOCK : 4));
  const same = random.below(2) === 0 ? pick(random, BYTES) : undefined;
  return bytes.map(() => same ?? random.below(256));
}

function range(random: Sequence, bytes: Uint8Array): readonly [number, number] {
  const start = random.below(bytes.length + 1);
  return [start, start + random.below(Math.min(bytes.length - start, LONGEST_BLOCK) + 1)];
}

function pick<T>(random: Sequence, from: readonly T[]): T {
  return from[random.below(from.length)] as T;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
