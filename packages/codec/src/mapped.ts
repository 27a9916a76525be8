import type { Codec } from './codec.ts';

/** Another shape for the same bytes. `to` returns undefined (with `what` as the reason) for bytes that have none. */
export function mapped<Wire, T>(
  inner: Codec<Wire>,
  what: string,
  to: (wire: Wire) => T | undefined,
  from: (value: T) => Wire,
): Codec<T> {
  return {
    name: inner.name,
    read: (reader) => {
      const start = reader.offset;
      const value = to(inner.read(reader)) ?? reader.stop(what, start);
      reader.means(value);
      return value;
    },
    write: (writer, value) => inner.write(writer, from(value)),
  };
}
