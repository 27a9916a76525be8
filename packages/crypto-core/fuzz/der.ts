import { equal } from '@sekimori/bytes';
import { der, type DerNode, readDer, readDerPrefix } from '../src/index.ts';

const DEPTH = 8;

/** Any element, all the way down. What is read is what would be written: DER has one form. */
export default function fuzz(bytes: Uint8Array): string {
  readDerPrefix(bytes);
  const node = readDer(bytes);
  return node.ok ? walk(node.value, DEPTH) : node.fault.detail.replaceAll(/\d+/g, 'n');
}

export const seeds = (): readonly Uint8Array[] => [
  der.sequence(der.integer(5), der.oid('1.2.840.10045.2.1'), der.bitString(Uint8Array.of(1, 2)), der.nothing()),
  der.tagged(0, der.set(der.utf8String('name')), der.octetString(new Uint8Array(200)), der.boolean(true)),
];

function walk(node: DerNode, depth: number): string {
  if (!equal(der.element(node.tag, node.content), node.bytes)) throw new Error('an element has two forms');
  const oid = der.oidOf(node);
  if (oid !== undefined && !equal(der.oid(oid), node.bytes)) throw new Error(`${oid} has two forms`);
  const number = der.unsignedOf(node);
  if (number && !equal(der.unsignedOf({ ...node, content: der.unsigned(number).subarray(2) }) ?? number, number))
    throw new Error('a number came back as another');
  der.bitsOf(node);
  const inside = der.children(node);
  if (!inside.ok || depth === 0) return `${node.tag & 0x3f}`;
  for (const child of inside.value) walk(child, depth - 1);
  return `${node.tag & 0x3f} with ${Math.min(inside.value.length, 4)}`;
}
