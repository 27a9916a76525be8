export {
  concat,
  copyOf,
  equal,
  equalConstantTime,
  isAllZero,
  leftPad,
  stripLeadingZeros,
  stripTrailingZeros,
} from './arrays.ts';
export { fromBase64, fromBase64Url, fromHex, fromUtf8, toBase64, toBase64Url, toHex, utf8 } from './text.ts';
export { lengthPrefixed, u16be, u32be, u64be } from './numbers.ts';
