import {
  blob,
  choose,
  closed,
  constant,
  decode,
  dissect,
  emptyOr,
  list,
  listOf,
  open,
  raw,
  rest,
  sized,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../src/index.ts';

const PAIR = struct('PAIR').field('a', u8).field('b', u64);
const EVERY = struct('EVERY')
  .field('magic', constant(u8, 0))
  .field('kind', closed('KIND', u8, { pair: 0, text: 1, list: 2 }))
  .field('chosen', (seen) =>
    choose(seen.kind, { pair: PAIR, text: blob(u8, 8, 'TEXT'), list: list(u32, 1000, emptyOr(u16, 300, PAIR)) }),
  )
  .field('wrapped', sized(u16, 16, raw(PAIR), 'WRAPPED'))
  .field('more', listOf(2, open('OPEN', u16, { one: 1 })))
  .field('rest', rest(64));

/** Every combinator: decoding and dissecting throw at nothing, and find the same fault. */
export default function fuzz(bytes: Uint8Array): void {
  const decoded = decode(EVERY, bytes);
  const { tree, fault } = dissect(EVERY, bytes);
  if (decoded.ok !== (fault === undefined)) throw new Error('decode and dissect disagree');
  if (!decoded.ok && decoded.fault.at !== fault?.at) throw new Error(`${decoded.fault.at} and ${fault?.at}`);
  if (tree.length > bytes.length) throw new Error('longer than the input');
}
