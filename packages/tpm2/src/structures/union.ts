import type { Codec, Infer } from '@sekimori/codec';

type Cases = Readonly<Record<string, Codec<object>>>;
type Union<Key extends string, C extends Cases> = {
  [K in keyof C & string]: { readonly [P in Key]: K } & Infer<C[K]>;
}[keyof C & string];

/**
 * A tag followed by the structure it selects, as one flat value: TPMT_ECC_SCHEME reads as
 * `{ scheme: 'ecdsa', hashAlg: 'sha256' }`. Part 2 calls such structures TPMT.
 */
export function union<const Key extends string, C extends Cases>(
  name: string,
  key: Key,
  tag: Codec<keyof C & string>,
  cases: C,
): Codec<Union<Key, C>> {
  const caseOf = (selected: string) => cases[selected] as Codec<object>;
  return {
    name,
    read: (reader) => {
      const selected = reader.read(tag, key);
      return { [key]: selected, ...caseOf(selected).read(reader) } as Union<Key, C>;
    },
    write: (writer, value) => {
      const selected = value[key];
      tag.write(writer, selected);
      caseOf(selected).write(writer, value);
    },
  };
}
