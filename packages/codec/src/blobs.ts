import { type Codec, type Reader, Writer } from './codec.ts';

/** Exactly `length` bytes. */
export function bytes(length: number): Codec<Uint8Array> {
  return {
    name: `bytes(${length})`,
    read: (reader) => reader.take(length),
    write: (writer, value) => {
      if (value.length !== length) throw new RangeError(`${value.length} bytes, must be ${length}`);
      writer.put(value);
    },
  };
}

/** A length, then that many bytes: `blob(u16, 64)` refuses a length of 65 before it takes a byte. */
export function blob(length: Codec<number>, max: number, name = `blob(${length.name})`): Codec<Uint8Array> {
  return {
    name,
    read: (reader) => reader.take(boundedLength(reader, length, max)),
    write: (writer, value) => {
      if (value.length > max) throw new RangeError(`${name}: ${value.length} bytes, at most ${max}`);
      length.write(writer, value.length);
      writer.put(value);
    },
  };
}

/** All that is left, at most `max` bytes. */
export function rest(max: number): Codec<Uint8Array> {
  return {
    name: 'rest',
    read: (reader) => {
      if (reader.remaining > max) reader.stop(`${reader.remaining} bytes, at most ${max}`);
      return reader.take(reader.remaining);
    },
    write: (writer, value) => {
      if (value.length > max) throw new RangeError(`${value.length} bytes, at most ${max}`);
      writer.put(value);
    },
  };
}

/** A length, then a value that fills exactly that many bytes, as TPM2B_PUBLIC wraps TPMT_PUBLIC. */
export function sized<T>(length: Codec<number>, max: number, inner: Codec<T>, name = inner.name): Codec<T> {
  return {
    name,
    read: (reader) => {
      return readPart(reader, boundedLength(reader, length, max), inner);
    },
    write: (writer, value) => {
      const own = new Writer();
      inner.write(own, value);
      const content = own.bytes();
      if (content.length > max) throw new RangeError(`${name}: ${content.length} bytes, at most ${max}`);
      length.write(writer, content.length);
      writer.put(content);
    },
  };
}

/** As `sized`, where a length of zero stands for «none». */
export function emptyOr<T>(length: Codec<number>, max: number, inner: Codec<T>): Codec<T | undefined> {
  const full = sized(length, max, inner);
  return {
    name: inner.name,
    read: (reader) => {
      const count = boundedLength(reader, length, max);
      return count === 0 ? undefined : readPart(reader, count, inner);
    },
    write: (writer, value) => {
      if (value === undefined) length.write(writer, 0);
      else full.write(writer, value);
    },
  };
}

/** A value with the bytes it was read from: what is hashed is what arrived, never what we would have written. */
export interface Received<T> {
  readonly value: T;
  readonly bytes: Uint8Array;
}

export function raw<T>(inner: Codec<T>): Codec<Received<T>> {
  return {
    name: inner.name,
    read: (reader) => {
      const start = reader.offset;
      const value = inner.read(reader);
      return { value, bytes: reader.since(start) };
    },
    write: (writer, received) => writer.put(received.bytes),
  };
}

function readPart<T>(reader: Reader, length: number, inner: Codec<T>): T {
  const part = reader.part(length);
  const value = inner.read(part);
  if (part.remaining > 0) part.stop(`${part.remaining} bytes follow inside ${inner.name}`);
  return value;
}

function boundedLength(reader: Reader, length: Codec<number>, max: number): number {
  const start = reader.offset;
  const count = length.read(reader);
  if (count > max) reader.stop(`${count} bytes, at most ${max}`, start);
  return count;
}
