export { type Codec, type DecodeFault, type Infer, decode, decodePrefix, encode } from './codec.ts';
export { type Dissected, type Dissection, dissect } from './dissect.ts';
export { Reader } from './reader.ts';
export { Writer } from './writer.ts';
export { u8, u16, u16le, u32, u32le, u64, u64le, i32, constant, closed, open } from './numbers.ts';
export { blob, bytes, rest, sized, emptyOr, raw, type Received } from './blobs.ts';
export { type Chosen, choose, type Field, list, listOf, struct, type Struct } from './structures.ts';
export { mapped } from './mapped.ts';
