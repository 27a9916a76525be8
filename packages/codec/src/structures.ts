import type { Codec, Infer } from './codec.ts';
import { type Reader, Stop } from './reader.ts';
import type { Writer } from './writer.ts';

/** A structure whose fields can be told; see `struct`. */
export interface Struct<T> extends Codec<T> {
  /** In wire order: for those who number, list or show fields. */
  readonly fields: readonly Field[];
  /** The next field in wire order. A function chooses the codec by the fields read before. */
  field<const K extends string, V>(
    key: K,
    codec: Codec<V> | ((seen: T) => Codec<V>),
  ): Struct<T & { readonly [P in K]: V }>;
}

/** One field of a structure. */
export interface Field {
  readonly key: string;
  /** Or the choice of one, by the fields read before. */
  readonly codec: Codec<unknown> | ((seen: never) => Codec<unknown>);
}

/** `struct('TPMS_CLOCK_INFO').field('clock', u64).field('resetCount', u32)…`: fields in wire order, by the spec's names. */
// biome-ignore lint/complexity/noBannedTypes: an empty structure has no field
export function struct(name: string): Struct<{}> {
  return build(name, []);
}

function build<T>(name: string, fields: readonly Field[]): Struct<T> {
  return {
    name,
    fields,
    field: (key, codec) => build(name, [...fields, { key, codec }]),
    read: (reader) => {
      const seen: Record<string, unknown> = {};
      let at = 0;
      try {
        for (; at < fields.length; at++) {
          const field = fields[at] as Field;
          seen[field.key] = reader.read(codecOf(field, seen), field.key);
        }
      } catch (stop) {
        if (stop instanceof Stop) {
          if (stop.path[0] === name) stop.path.shift();
          stop.path.unshift(name, (fields[at] as Field).key);
        }
        throw stop;
      }
      return seen as T;
    },
    write: (writer, value) => {
      const record = value as Record<string, unknown>;
      for (const field of fields) codecOf(field, record).write(writer, record[field.key]);
    },
  };
}

function codecOf(field: Field, seen: Record<string, unknown>): Codec<unknown> {
  return typeof field.codec === 'function' ? field.codec(seen as never) : field.codec;
}

type Cases = Readonly<Record<string, Codec<unknown>>>;

/** What `choose` gives: the name of the case beside its value, so that code can branch on `is`. */
export type Chosen<C extends Cases> = {
  [K in keyof C & string]: { readonly is: K; readonly value: Infer<C[K]> };
}[keyof C & string];

/** A union whose case stands in an earlier field. A tag without a case is a fault. */
export function choose<C extends Cases>(tag: string, cases: C): Codec<Chosen<C>> {
  const codec = Object.hasOwn(cases, tag) ? cases[tag] : undefined;
  return {
    name: codec?.name ?? tag,
    read: (reader: Reader) => {
      if (!codec) return reader.stop(`no structure is known for ${tag}`);
      return { is: tag, value: codec.read(reader) } as Chosen<C>;
    },
    write: (writer: Writer, chosen: Chosen<C>) => {
      if (!codec || chosen.is !== tag) throw new RangeError(`${chosen.is} where ${tag} is due`);
      codec.write(writer, chosen.value);
    },
  };
}

/** A count, then that many items; a count over `max` is refused before any item is read. */
export function list<T>(
  count: Codec<number>,
  max: number,
  item: Codec<T>,
  name = `list(${item.name})`,
): Codec<readonly T[]> {
  return {
    name,
    read: (reader) => {
      const start = reader.offset;
      const length = reader.read(count, 'count');
      if (length > max) reader.stop(`${length} items, at most ${max}`, start);
      return readItems(reader, length, item);
    },
    write: (writer, items) => {
      if (items.length > max) throw new RangeError(`${items.length} items, at most ${max}`);
      count.write(writer, items.length);
      for (const value of items) item.write(writer, value);
    },
  };
}

/** Exactly `length` items, the number being known from elsewhere. */
export function listOf<T>(length: number, item: Codec<T>): Codec<readonly T[]> {
  return {
    name: `list(${item.name})`,
    read: (reader) => readItems(reader, length, item),
    write: (writer, items) => {
      if (items.length !== length) throw new RangeError(`${items.length} items, must be ${length}`);
      for (const value of items) item.write(writer, value);
    },
  };
}

function readItems<T>(reader: Reader, length: number, item: Codec<T>): readonly T[] {
  const items: T[] = [];
  for (let i = 0; i < length; i++) items.push(reader.read(item, i));
  return items;
}
