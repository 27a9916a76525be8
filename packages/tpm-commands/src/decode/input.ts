import { open } from 'node:fs/promises';
import { fromBase64, fromBase64Url, fromHex } from '@sekimori/bytes';
import { fail, ok, type Result } from '@sekimori/result';
import { type CommandFault, type Given, wrongUsage } from '../command.ts';

/** More than any structure of a TPM. */
const MAX_BYTES = 64 * 1024;
/** As text, with white space. */
const MAX_TEXT = 4 * MAX_BYTES;

/** The bytes that an argument means: hex, a file, base64, or '-' for standard input. In a file both texts may stand too. */
export async function bytesFrom(given: Given): Promise<Result<Uint8Array, CommandFault>> {
  const [argument = ''] = given.args;
  if (argument === '-') return contentOf(await bounded(given.stdin()), 'standard input');
  const hex = hexIn(argument);
  if (hex) return ok(hex);
  const file = await readFile(argument);
  if (file.ok) return file.value === undefined ? base64Or(argument) : contentOf(file.value, argument);
  return file;
}

function base64Or(argument: string): Result<Uint8Array, CommandFault> {
  if (isOddHex(argument)) return oddHex('the argument');
  const bytes = base64In(argument);
  if (bytes) return ok(bytes);
  return wrongUsage(
    `neither hex nor base64, and there is no such file: '${argument}'`,
    "an even number of hex digits, base64, the path of a file, or '-' for standard input",
  );
}

/** A file's text where it is one of hex or base64, else its bytes. No structure of a TPM is text from end to end. */
function contentOf(bytes: Uint8Array | undefined, what: string): Result<Uint8Array, CommandFault> {
  if (!bytes) return fail('structure-too-large', `${what} has more than ${MAX_TEXT} bytes`);
  const isText =
    bytes.length > 0 && bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || (byte >= 0x09 && byte <= 0x0d));
  const text = isText ? new TextDecoder().decode(bytes) : undefined;
  if (text !== undefined && isOddHex(text)) return oddHex(what);
  const content = text === undefined ? bytes : (hexIn(text) ?? base64In(text) ?? bytes);
  if (content.length > MAX_BYTES)
    return fail('structure-too-large', `${what} has ${content.length} bytes, at most ${MAX_BYTES} are read`);
  return ok(content);
}

function hexIn(text: string): Uint8Array | undefined {
  const digits = digitsIn(text);
  return digits === '' ? undefined : fromHex(digits.toLowerCase());
}

/** As programs print it: white space, colons and 0x may stand between. */
function digitsIn(text: string): string {
  return text.replaceAll(/0x|[\s:,]/gi, '');
}

/** Base64 that holds hex digits alone, an odd number of them, is far rarer than hex that lost one. */
function isOddHex(text: string): boolean {
  return /^(?:[0-9a-f]{2})*[0-9a-f]$/i.test(digitsIn(text));
}

function oddHex(what: string): Result<Uint8Array, CommandFault> {
  return wrongUsage(`${what} is hex with an odd number of digits`, 'a digit is missing, or there is one too many');
}

function base64In(text: string): Uint8Array | undefined {
  const characters = text.replaceAll(/\s/g, '');
  if (characters.length < 4) return undefined;
  return fromBase64(characters) ?? fromBase64Url(characters.replace(/=+$/, ''));
}

/** Undefined where there is no such file. */
async function readFile(path: string): Promise<Result<Uint8Array | undefined, CommandFault>> {
  try {
    await using file = await open(path, 'r');
    const bytes = await bounded(file.createReadStream({ end: MAX_TEXT, autoClose: false }));
    return bytes ? ok(bytes) : fail('structure-too-large', `${path} has more than ${MAX_TEXT} bytes`);
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string };
    if (code === 'ENOENT' || code === 'ENAMETOOLONG' || code === 'ENOTDIR') return ok(undefined);
    return fail('file', `${path}: ${TROUBLE[code ?? ''] ?? message}`);
  }
}

const TROUBLE: Readonly<Record<string, string>> = { EACCES: 'you may not read this file', EISDIR: 'it is a folder' };

async function bounded(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > MAX_TEXT) return undefined;
    chunks.push(chunk);
  }
  return Uint8Array.from(Buffer.concat(chunks));
}
