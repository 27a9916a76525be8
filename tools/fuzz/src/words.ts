import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const LONGEST = 40;

/**
 * Numbers and texts that stand in the sources of a package, as bytes: a made-up input meets a magic number by chance only
 * when it is among what inputs are made of. Numbers come in both byte orders.
 */
export function wordsOf(folder: string): readonly Uint8Array[] {
  const words = known.get(folder) ?? wordsIn(folder);
  known.set(folder, words);
  return words;
}

const known = new Map<string, readonly Uint8Array[]>();

function wordsIn(folder: string): readonly Uint8Array[] {
  const words = new Map<string, Uint8Array>();
  const add = (bytes: Uint8Array) => words.set(Buffer.from(bytes).toString('hex'), bytes);
  const source = globSync('src/**/*.ts', { cwd: folder })
    .toSorted()
    .map((file) => readFileSync(join(folder, file), 'utf8').replaceAll(/^\s*(?:\/?\*|\/\/|import ).*$/gm, ''))
    .join('\n');
  for (const [, text = ''] of source.matchAll(/'([^'\n\\]{2,})'/g))
    if (text.length <= LONGEST && !text.startsWith('./')) add(new TextEncoder().encode(text));
  for (const [text] of source.matchAll(/\b(?:0x[\da-f_]+|\d+)\b/gi)) {
    const number = Number(text.replaceAll('_', ''));
    if (number > 0xffffffff) continue;
    for (const littleEndian of [false, true]) add(numberBytes(number, littleEndian));
  }
  return [...words.values()];
}

function numberBytes(number: number, littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(number > 0xffff ? 4 : number > 0xff ? 2 : 1);
  for (let at = 0; at < bytes.length; at++)
    bytes[littleEndian ? at : bytes.length - 1 - at] = Math.floor(number / 0x100 ** at);
  return bytes;
}
