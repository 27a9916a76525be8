import { fromUtf8 } from '@sekimori/bytes';
import { parseVmId, type VmId } from '@sekimori/guest-state';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { Value } from 'typebox/value';
import { type Document, isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { diskPath } from '../folder/layout.ts';
import { VmDefinition } from './schema.ts';

const MAX_BYTES = 16 * 1024;

/** A definition with where each part of it stands, so that a message can name the line. */
export interface ReadDefinition {
  readonly definition: VmDefinition;
  /** The definition's `id`. */
  readonly vmId: VmId;
  /** Of a path like ['disks', 0, 'mode']; where there is no such part, of the nearest one above it. From 1. */
  lineOf(path: readonly (string | number)[]): number;
}

/**
 * YAML 1.2 or JSON, without aliases, tags of its own and duplicate keys; `given` stands in place of what is written. `vm-definition-invalid`
 * names the line.
 */
export function readVmDefinition(
  bytes: Uint8Array,
  given: Partial<VmDefinition> = {},
): Result<ReadDefinition, Fault<'vm-definition-invalid'>> {
  if (bytes.length > MAX_BYTES) return invalid(1, `more than ${MAX_BYTES} bytes`);
  const text = fromUtf8(bytes);
  if (text === undefined) return invalid(1, 'not well-formed UTF-8');
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    strict: true,
    // Compares each key with each other: `repeatedKey` does the same in one pass.
    uniqueKeys: false,
    version: '1.2',
    logLevel: 'error',
  });
  const [trouble] = [...document.errors, ...document.warnings];
  if (trouble) return invalid(lines.linePos(trouble.pos[0]).line, trouble.message.split('\n')[0] ?? 'not YAML');
  const twiceKey = repeatedKey(document.contents);
  if (twiceKey?.range) return invalid(lines.linePos(twiceKey.range[0]).line, 'a key stands twice');
  let value: unknown;
  try {
    const written: unknown = document.toJS({ maxAliasCount: 0 });
    value = isMap(document.contents) ? { ...(written as object), ...given } : written;
  } catch {
    return invalid(1, 'aliases are not for definitions'); // what else `toJS` could refuse was refused above
  }
  const lineOf = (path: readonly (string | number)[]) => lineIn(document, lines, path);
  if (!Value.Check(VmDefinition, value)) {
    const { path, message } = firstError(value);
    const place = path.length === 0 ? '' : `${path.join('.')} `;
    return invalid(lineOf(path), `${place}${message}`);
  }
  const names = value.disks.map(({ name }) => name);
  const twice = names.findIndex((name, index) => names.indexOf(name) !== index);
  if (twice >= 0) return invalid(lineOf(['disks', twice, 'name']), `two disks are named ${names[twice]}`);
  const outside = value.disks.findIndex(({ file }) => diskPath('/vm', file) === undefined);
  if (outside >= 0)
    return invalid(lineOf(['disks', outside, 'file']), "a disk lies in the VM's folder, or is a device below /dev");
  const withoutTap = value.networks?.findIndex(({ type, tap }) => (type === 'tap') !== (tap !== undefined)) ?? -1;
  if (withoutTap >= 0)
    return invalid(lineOf(['networks', withoutTap]), "a network of type 'tap', and no other, names its tap device");
  const vmId = parseVmId(value.id);
  if (!vmId) throw new Error('the schema lets UUIDs pass alone');
  return ok({ definition: value, vmId, lineOf });
}

function firstError(value: unknown): { readonly path: readonly (string | number)[]; readonly message: string } {
  const errors = Value.Errors(VmDefinition, value);
  // of a union each branch complains; what is said of the union itself is what a person understands
  // A word that is not known is as a rule the one that is missed.
  const first = errors.find(({ keyword }) => keyword === 'boolean') ?? errors[0];
  if (!first) return { path: [], message: 'is not what the schema says' };
  const path = first.instancePath
    .split('/')
    .slice(1)
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  if (first.keyword === 'boolean') return { path, message: 'is not known here' }; // no further properties
  if (first.keyword === 'required') {
    const [missing] = (first.params as { readonly requiredProperties?: readonly string[] }).requiredProperties ?? [];
    return { path, message: `has no ${missing ?? 'value'}` };
  }
  const allowed = (
    errors.filter((error) => error.instancePath === first.instancePath) as readonly {
      readonly keyword: string;
      readonly params: { readonly allowedValue?: unknown };
    }[]
  ).flatMap(({ keyword, params }) => (keyword === 'const' ? [String(params.allowedValue)] : []));
  return { path, message: allowed.length > 1 ? `must be one of ${allowed.join(', ')}` : first.message };
}

function lineIn(document: Document, lines: LineCounter, path: readonly (string | number)[]): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    const key = keyNode(document, path.slice(0, length));
    const range = (key ?? (isNode(node) ? node : undefined))?.range;
    if (range) return lines.linePos(range[0]).line;
  }
  return 1;
}

/** The key itself, since a value that is a list or a map may begin on another line. */
function keyNode(document: Document, path: readonly (string | number)[]): Node | undefined {
  const parent: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const items = (parent as { readonly items?: readonly { readonly key?: unknown }[] } | undefined)?.items ?? [];
  const key = items.find((item) => (item.key as { readonly value?: unknown } | undefined)?.value === path.at(-1))?.key;
  return isNode(key) ? key : undefined;
}

function invalid(line: number, detail: string) {
  return fail('vm-definition-invalid', `line ${line}: ${detail}`);
}

/** The first key that its map has already; a key that is no plain text counts as one, too. */
function repeatedKey(root: unknown): Node | undefined {
  const open: unknown[] = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (isSeq(node)) open.push(...node.items);
    if (!isMap(node)) continue;
    const seen = new Set<string>();
    for (const { key, value } of node.items) {
      if (!isScalar(key) || seen.has(String(key.value))) return isNode(key) ? key : undefined;
      seen.add(String(key.value));
      if (value !== null) open.push(value);
    }
  }
  return undefined;
}
