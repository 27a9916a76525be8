import { type Codec, type DecodeFault, faultOf, leftOver } from './codec.ts';
import { Reader, type Trace } from './reader.ts';

/** One value of a structure, and where it lies. */
export interface Dissected {
  /** Of the codec: the specification's name of the type. */
  readonly name: string;
  /** The field's name in the structure around it, or the item's index in a list. */
  readonly key?: string | number;
  /** In bytes from the start of what was dissected. */
  readonly offset: number;
  /** In bytes, the parts' included; of a value that was not read to its end, how far reading got. */
  readonly length: number;
  /** What it decodes to: of a value without parts, and of one whose parts do not show it. Absent where it was not read. */
  readonly value?: unknown;
  /** In wire order. */
  readonly parts: readonly Dissected[];
}

/** A node of the tree that `dissect` makes: offsets and lengths in bytes, from the beginning of what was read. */
export interface Dissection {
  /** All that could be read. */
  readonly tree: Dissected;
  /** As `decode` gives it: absent for sound bytes. */
  readonly fault?: DecodeFault;
}

/** What `decode` reads, as a tree with offsets, for tools that show structures. Total, also for malformed bytes. */
export function dissect(codec: Codec<unknown>, bytes: Uint8Array): Dissection {
  const trace = new Tree();
  const reader = new Reader(new Uint8Array(bytes), trace);
  try {
    reader.read(codec);
  } catch (stop) {
    return { tree: trace.root(), fault: faultOf(codec, stop) };
  }
  const tree = trace.root();
  return tree.length === bytes.length ? { tree } : { tree, fault: leftOver(codec, tree.length, bytes.length) };
}

type Growing = { -readonly [K in keyof Dissected]: K extends 'parts' ? Growing[] : Dissected[K] };

class Tree implements Trace {
  /** From the root to the value being read. */
  readonly #open: Growing[] = [];
  #root: Growing | undefined;

  read<T>(reader: Reader, codec: Codec<T>, key: string | number | undefined): T {
    const offset = reader.offset;
    const node: Growing = { name: codec.name, ...(key === undefined ? {} : { key }), offset, length: 0, parts: [] };
    this.#open.at(-1)?.parts.push(node);
    this.#root ??= node;
    this.#open.push(node);
    try {
      const value = codec.read(reader);
      if (node.parts.length === 0) node.value = value;
      return value;
    } finally {
      node.length = reader.offset - offset;
      this.#open.pop();
    }
  }

  means(value: unknown): void {
    const node = this.#open.at(-1);
    if (node) node.value = value;
  }

  root(): Dissected {
    if (!this.#root) throw new Error('nothing was read');
    return this.#root;
  }
}
