import { type Codec, decode, encode } from '@sekimori/codec';
import * as exported from '../src/index.ts';

/** Every structure the package exports: whatever reads and writes. */
export const CODECS: ReadonlyMap<string, Codec<unknown>> = new Map(
  Object.entries(exported).flatMap(([name, value]) => (isCodec(value) ? [[name, value] as const] : [])),
);

export const COMMAND_NAMES = Object.keys(exported.COMMANDS) as exported.CommandName[];

/** The parameters of a command or its response. */
export function parametersCodec(command: exported.CommandName, part: 'request' | 'response'): Codec<unknown> {
  return exported.COMMANDS[command][part];
}

/**
 * Structures that have more than one encoding, of which one is written: a PCR bitmap may be longer or shorter than three
 * bytes, and a command's reserved bits are not kept. All others come back as the bytes they were.
 */
const SEVERAL_FORMS = /PCR|QUOTE|ATTEST$|CREATION_DATA|CAPABILITY|Create|Quote|PolicyPCR|GetCapability/;

/**
 * Reads, writes, and reads again: gives where that ended, such as a fault's place. Throws where a value does not come back,
 * or the bytes change although the structure has one form.
 */
export function comesBack(name: string, codec: Codec<unknown>, bytes: Uint8Array): string {
  const first = decode(codec, bytes);
  if (!first.ok) return `${first.fault.code} ${first.fault.at?.replace(/@\d+$/, '')}`;
  const written = encode(codec, first.value);
  if (Buffer.compare(written, bytes) === 0) return 'the same bytes';
  if (!SEVERAL_FORMS.test(name)) throw new Error(`${name} came back as other bytes`);
  const second = decode(codec, written);
  if (!second.ok) throw new Error(`${name} is not read again: ${second.fault.detail}`);
  if (textOf(second.value) !== textOf(first.value)) throw new Error(`${name} came back as another value`);
  if (Buffer.compare(encode(codec, second.value), written) !== 0) throw new Error(`${name} is not stable`);
  return 'other bytes';
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'bigint' ? `${inner}n` : inner instanceof Uint8Array ? Buffer.from(inner).toString('hex') : inner,
  );
}

function isCodec(value: unknown): value is Codec<unknown> {
  const codec = value as Partial<Codec<unknown>> | null;
  return typeof codec?.read === 'function' && typeof codec.write === 'function';
}
