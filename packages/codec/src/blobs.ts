import type { Codec } from './codec.ts';
import type { Reader } from './reader.ts';
import { Writer } from './writer.ts';

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
    read: (reader) => {
      const start = reader.offset;
      return reader.take(bounded(reader, length.read(reader), max, start));
    },
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
    read: (reader) => reader.within(sizeOf(reader, length, max), inner),
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
      const count = sizeOf(reader, length, max);
      return count === 0 ? undefined : reader.within(count, inner);
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

/** Keeps the bytes of a value beside it; they are written as they came. */
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

/** The size before a value that others show as parts: a part of its own. */
function sizeOf(reader: Reader, length: Codec<number>, max: number): number {
  const start = reader.offset;
  return bounded(reader, reader.read(length, 'size'), max, start);
}

function bounded(reader: Reader, count: number, max: number, start: number): number {
  if (count > max) reader.stop(`${count} bytes, at most ${max}`, start);
  return count;
}
