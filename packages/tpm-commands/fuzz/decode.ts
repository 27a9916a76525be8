import { COMMANDS, type CommandName } from '@sekimori/tpm2';
import { decodeStructure, STRUCTURE_TYPES, type StructureNode } from '../src/index.ts';

const TYPES = [...STRUCTURE_TYPES.keys()];
const NAMES = Object.keys(COMMANDS) as CommandName[];

/** Whatever the bytes, and whatever they are taken for: a tree inside them. The first byte chooses a type and a command. */
export default function fuzz(bytes: Uint8Array): void {
  const [choice = 0] = bytes;
  check(bytes.length, decodeStructure(bytes).tree);
  check(bytes.length, decodeStructure(bytes, { as: TYPES[choice % TYPES.length]! }).tree);
  check(bytes.length, decodeStructure(bytes, { responseTo: NAMES[choice % NAMES.length]! }).tree);
  const rest = bytes.subarray(1);
  check(rest.length, decodeStructure(rest, { as: TYPES[choice % TYPES.length]! }).tree);
}

function check(end: number, { offset, length, parts, bytes = '' }: StructureNode): void {
  if (offset + length > end) throw new Error('it tells of bytes that are not there');
  if (bytes.length !== (parts.length > 0 ? 0 : 2 * length)) throw new Error('its hex is not what stands there');
  for (const part of parts) {
    if (part.offset < offset) throw new Error('a part lies before the whole');
    check(offset + length, part);
  }
}
