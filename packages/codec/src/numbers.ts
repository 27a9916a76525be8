import type { Codec } from './codec.ts';

function unsigned(
  name: string,
  max: number,
  read: Codec<number>['read'],
  write: (writer: Parameters<Codec<number>['write']>[0], value: number) => void,
): Codec<number> {
  return {
    name,
    read,
    write: (writer, value) => {
      if (!Number.isInteger(value) || value < 0 || value > max) throw new RangeError(`${value} is not a ${name}`);
      write(writer, value);
    },
  };
}

function unsigned64(name: string, littleEndian: boolean): Codec<bigint> {
  return {
    name,
    read: (reader) => reader.u64(littleEndian),
    write: (writer, value) => {
      if (value < 0n || value >= 1n << 64n) throw new RangeError(`${value} is not a ${name}`);
      writer.u64(value, littleEndian);
    },
  };
}

/** Big-endian, as TPM structures are, unless the name says `le`. */
export const u8 = unsigned(
  'u8',
  0xff,
  (r) => r.u8(),
  (w, v) => w.u8(v),
);
/** Two bytes, big-endian. */
export const u16 = unsigned(
  'u16',
  0xffff,
  (r) => r.u16(),
  (w, v) => w.u16(v),
);
/** Four bytes, big-endian. */
export const u32 = unsigned(
  'u32',
  0xffffffff,
  (r) => r.u32(),
  (w, v) => w.u32(v),
);
/** Eight bytes, big-endian, as a bigint. */
export const u64 = unsigned64('u64', false);
/** Two bytes, little-endian. */
export const u16le = unsigned(
  'u16le',
  0xffff,
  (r) => r.u16(true),
  (w, v) => w.u16(v, true),
);
/** Four bytes, little-endian. */
export const u32le = unsigned(
  'u32le',
  0xffffffff,
  (r) => r.u32(true),
  (w, v) => w.u32(v, true),
);
/** Eight bytes, little-endian, as a bigint. */
export const u64le = unsigned64('u64le', true);

/** Four bytes, big-endian, two's complement. */
export const i32: Codec<number> = {
  name: 'i32',
  read: (reader) => reader.i32(),
  write: (writer, value) => {
    if (!Number.isInteger(value) || value < -0x80000000 || value > 0x7fffffff)
      throw new RangeError(`${value} is not an i32`);
    writer.i32(value);
  },
};

/** A number that must be there and carries no information: nobody can forget to check it. */
export function constant<const N extends number>(codec: Codec<number>, expected: N): Codec<N> {
  return {
    name: `constant ${show(expected)}`,
    read: (reader) => {
      const start = reader.offset;
      const value = codec.read(reader);
      if (value !== expected) reader.stop(`is ${show(value)}, must be ${show(expected)}`, start);
      return expected;
    },
    write: (writer, value) => {
      if (value !== expected) throw new RangeError(`${value} must be ${show(expected)}`);
      codec.write(writer, expected);
    },
  };
}

/** A closed set of numbers with names: an unknown number is a fault. */
export function closed<const Names extends Readonly<Record<string, number>>>(
  name: string,
  codec: Codec<number>,
  names: Names,
): Codec<keyof Names & string> & { readonly numbers: Names } {
  const nameOf = new Map(Object.entries(names).map(([key, number]) => [number, key as keyof Names & string]));
  return {
    name,
    numbers: names,
    read: (reader) => {
      const start = reader.offset;
      const number = codec.read(reader);
      return nameOf.get(number) ?? reader.stop(`${show(number)} is not a known ${name}`, start);
    },
    write: (writer, value) => {
      const number = names[value];
      if (number === undefined) throw new RangeError(`${value} is not a ${name}`);
      codec.write(writer, number);
    },
  };
}

/** As `closed`, but a number without a name stays a number: for tools that show what they do not judge. */
export function open<const Names extends Readonly<Record<string, number>>>(
  name: string,
  codec: Codec<number>,
  names: Names,
): Codec<(keyof Names & string) | number> & { readonly numbers: Names } {
  const nameOf = new Map(Object.entries(names).map(([key, number]) => [number, key as keyof Names & string]));
  return {
    name,
    numbers: names,
    read: (reader) => {
      const number = codec.read(reader);
      return nameOf.get(number) ?? number;
    },
    write: (writer, value) => {
      const number = typeof value === 'number' ? value : names[value];
      if (number === undefined) throw new RangeError(`${value} is not a ${name}`);
      codec.write(writer, number);
    },
  };
}

function show(number: number): string {
  return `0x${number.toString(16)}`;
}
