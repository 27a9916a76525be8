import {
  blob,
  bytes,
  choose,
  closed,
  type Codec,
  constant,
  decode,
  emptyOr,
  encode,
  i32,
  list,
  listOf,
  mapped,
  open,
  raw,
  rest,
  sized,
  struct,
  u8,
  u16,
  u16le,
  u32,
  u32le,
  u64,
  u64le,
} from '../src/index.ts';

const COLOURS = { red: 1, green: 2, blue: 0xff } as const;
const PAIR = struct('PAIR').field('a', u8).field('b', u16);

/** Of each building block one, and each of them has one form only: what reads is written as the bytes it was. */
const BLOCKS: Readonly<Record<string, Codec<unknown>>> = {
  u8,
  u16,
  u16le,
  u32,
  u32le,
  u64,
  u64le,
  i32,
  constant: constant(u32, 0xff544347),
  closed: closed('COLOUR', u8, COLOURS),
  open: open('COLOUR', u8, COLOURS),
  bytes: bytes(5),
  blob: blob(u16, 64),
  rest: rest(64),
  sized: sized(u16, 64, PAIR),
  emptyOr: emptyOr(u16, 64, PAIR),
  raw: raw(PAIR),
  list: list(u32, 16, blob(u8, 8)),
  listOf: listOf(3, u16),
  mapped: mapped(
    u8,
    'an even number is due',
    (odd) => (odd % 2 === 0 ? { half: odd / 2 } : undefined),
    ({ half }) => 2 * half,
  ),
  struct: struct('CHOICE')
    .field('colour', closed('COLOUR', u8, COLOURS))
    .field('value', ({ colour }) => choose(colour, { red: u8, green: PAIR, blue: list(u8, 4, PAIR) }))
    .field('left', rest(16)),
};

/** The blocks, and structures that the bytes make up before they fill them. */
export const targets: Readonly<Record<string, (input: Uint8Array) => string>> = {
  ...Object.fromEntries(Object.entries(BLOCKS).map(([name, codec]) => [name, (input) => comesBack(codec, input)])),
  anyStructure: (input) => {
    const plan = [...input.subarray(0, PLAN)];
    return comesBack(planned(plan, 3), input.subarray(PLAN));
  },
};

const PLAN = 12;
const KINDS = Object.values(BLOCKS);

/** A codec of nested ones; `depth` is left. The plan is used up from its start, and zeros stand for what is missing. */
function planned(plan: number[], depth: number): Codec<unknown> {
  const kind = plan.shift() ?? 0;
  if (depth === 0 || kind >= 128) return KINDS[kind % KINDS.length] as Codec<unknown>;
  const inner = (): Codec<unknown> => planned(plan, depth - 1);
  switch (kind % 6) {
    case 0:
      return sized(u8, 0xff, inner());
    case 1:
      return list(u8, 8, inner());
    case 2:
      return listOf(kind % 4, inner());
    case 3:
      return struct('pair').field('first', inner()).field('second', inner());
    case 4:
      return raw(inner());
    default:
      return emptyOr(u16, 0xff, inner());
  }
}

function comesBack(codec: Codec<unknown>, input: Uint8Array): string {
  const decoded = decode(codec, input);
  if (!decoded.ok) return `${decoded.fault.code} ${decoded.fault.at?.replace(/@\d+$/, '')}`;
  if (Buffer.compare(encode(codec, decoded.value), input) !== 0) throw new Error('it came back as other bytes');
  return 'the same bytes';
}
