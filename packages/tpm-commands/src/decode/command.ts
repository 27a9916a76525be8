import { ok, type Result } from '@sekimori/result';
import { type CommandFault, type Given, type Shown, wrongUsage } from '../command.ts';
import { commandNamed } from '../command-names.ts';
import { printable } from '../text.ts';
import { bytesFrom } from './input.ts';
import { decodeStructure, type DecodedStructure, type StructureNode } from './structure.ts';
import { STRUCTURE_TYPES } from './types.ts';

export async function tpmDecodeCommand(given: Given): Promise<Result<Shown, CommandFault>> {
  const { as, responseTo } = given.options;
  if (as === 'help') return ok({ document: { types: typeNames() }, lines: typeNames() });
  if (typeof as === 'string' && !STRUCTURE_TYPES.has(as)) return unknownType(as);
  if (typeof as === 'string' && typeof responseTo === 'string')
    return wrongUsage('--as and --response-to exclude each other', 'give one of them');
  const command = typeof responseTo === 'string' ? commandNamed(responseTo) : ok(undefined);
  if (!command.ok) return command;
  if (given.args.length === 0)
    return wrongUsage('there is nothing to decode', "hex, base64, a file, or '-' for standard input");
  const bytes = await bytesFrom(given);
  if (!bytes.ok) return bytes;
  if (bytes.value.length === 0) return wrongUsage('there are no bytes in it', "see 'tpm decode --help'");
  const decoded = decodeStructure(bytes.value, {
    ...(typeof as === 'string' && { as }),
    ...(command.value !== undefined && { responseTo: command.value }),
  });
  const bad = decoded.fault !== undefined;
  return ok({ document: decoded, lines: linesOf(decoded), notes: notesOn(decoded, given), bad });
}

function typeNames(): readonly string[] {
  return [...STRUCTURE_TYPES.keys()].toSorted();
}

function unknownType(as: string): ReturnType<typeof wrongUsage> {
  const wanted = as.toLowerCase().replace(/^tpm[a-z0-9]*_/, '');
  const near = typeNames().filter((name) => name.toLowerCase().includes(wanted));
  const hint =
    near.length > 0 && near.length <= 8 ? `there is ${near.join(', ')}` : "'tpm decode --as help' lists the types";
  return wrongUsage(`no type is called '${as}'`, hint);
}

function notesOn({ type, secret, fault }: DecodedStructure, { options }: Given): readonly string[] {
  const found = options['as'] === undefined && options['responseTo'] === undefined;
  return [
    ...(secret ? ['WARNING: secrets stand in this output: whoever reads it can use them'] : []),
    ...(type === 'response' ? ["'--response-to COMMAND' shows what is in the answer"] : []),
    ...(found && fault && type !== 'unknown'
      ? [
          "no type reads these bytes to the last; this one got furthest. '--as TYPE' chooses another; types with secrets are never tried",
        ]
      : []),
    ...(type === 'unknown'
      ? ["'--as TYPE' says what they are, '--as help' lists the types; types with secrets are never tried"]
      : []),
  ];
}

const BYTES_A_LINE = 16;

function linesOf({ type, length, alsoReadsAs, tree, fault }: DecodedStructure): readonly string[] {
  return [
    `${type}, ${length} ${length === 1 ? 'byte' : 'bytes'}`,
    ...(alsoReadsAs.length === 0 ? [] : [`also reads as (see --as): ${alsoReadsAs.join(', ')}`]),
    '',
    ...(tree.parts.length > 0
      ? [...named(tree, 0), ...tree.parts.flatMap((part) => nodeLines(part, 0))]
      : nodeLines(tree, 0)),
    ...(fault
      ? [
          '',
          `${fault.code}: ${printable(fault.detail)}`,
          `  at ${hexOffset(fault.offset)}${fault.at === undefined ? '' : `, in ${fault.at.replace(/@\d+$/, '')}`}`,
        ]
      : []),
  ];
}

/** Offset, bytes, then the value, further in by its depth. Long values go on in lines of their own. */
function nodeLines(node: StructureNode, depth: number): readonly string[] {
  const { key, type, offset, bytes = '', words } = node;
  const label = key === undefined ? type : `${key}: ${type}`;
  const chunks = bytes.match(/.{1,32}/g) ?? [''];
  const text = `${'  '.repeat(depth)}${label}${words === undefined ? '' : ` = ${printable(words)}`}`;
  return [
    ...chunks.map((chunk, at) => line(offset + BYTES_A_LINE * at, chunk, at === 0 ? text : '')),
    ...named(node, depth),
    ...node.parts.flatMap((part) => nodeLines(part, depth + 1)),
  ];
}

function named({ offset, name }: StructureNode, depth: number): readonly string[] {
  return name === undefined ? [] : [line(offset, '', `${'  '.repeat(depth + 1)}Name ${name}`)];
}

function line(offset: number, bytes: string, text: string): string {
  return `${hexOffset(offset)}  ${bytes.padEnd(2 * BYTES_A_LINE)}  ${text}`.trimEnd();
}

function hexOffset(offset: number): string {
  return offset.toString(16).padStart(4, '0');
}
