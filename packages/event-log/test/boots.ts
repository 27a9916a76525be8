import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { concat, fromHex } from '@sekimori/bytes';
import { encode, u16le, u32le } from '@sekimori/codec';
import { type HashName, hashLength } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { type EventLog, type LogEvent, parseEventLog, type QuotedPcrs, replay } from '../src/index.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
export const BOOTS = resolve(root, 'examples/boots');
/** Logs of other projects; read in place, never copied. */
export const CORPUS = resolve(root, process.env['SEKIMORI_CORPUS'] ?? '../shared/corpus');
/** False, with one line on stderr, where they are not there. */
export function findsCorpus(): boolean {
  const found = existsSync(resolve(CORPUS, 'expected'));
  if (!found) console.warn(`corpus of other projects' logs not found at ${CORPUS}; set SEKIMORI_CORPUS (skipped)`);
  return found;
}
export const BOOT_PCRS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14];

export function bootFolders(folder: string): readonly string[] {
  return readdirSync(folder).filter((name) => existsSync(resolve(folder, name, 'binary_bios_measurements')));
}

export function bootBytes(name: string, folder = BOOTS): Uint8Array {
  return new Uint8Array(readFileSync(resolve(folder, name, 'binary_bios_measurements')));
}

export function boot(name: string, folder = BOOTS): EventLog {
  return expectOk(parseEventLog(bootBytes(name, folder)));
}

/** What the TPM held, as tpm2_pcrread printed it. */
export function quotedBoot(name: string, bank: HashName = 'sha256', folder = BOOTS): QuotedPcrs {
  const text = readFileSync(resolve(folder, name, `pcrs_${bank}.txt`), 'utf8');
  const values = new Map(
    [...text.matchAll(/^\s+(\d+)\s*: 0x([0-9A-F]+)/gm)].map(([, pcr, hex]) => [Number(pcr), fromHex(hex as string)]),
  );
  return { bank, indices: BOOT_PCRS, pcr: (index) => values.get(index) };
}

/** A quote that a log explains by construction, so that only its grammar can be at fault. */
export function quoteFor(log: EventLog, bank: HashName = 'sha256'): QuotedPcrs {
  const values = expectOk(replay(nodeCrypto, log, bank));
  return { bank, indices: BOOT_PCRS, pcr: (index) => values.get(index) ?? new Uint8Array(hashLength(bank)) };
}

export type Draft = Pick<LogEvent, 'pcr' | 'type' | 'data'> & { readonly digest: Uint8Array };

/** A SHA-256 log with the header of `name` and other events. */
export function altered(name: string, change: (events: Draft[]) => readonly Draft[]): EventLog {
  return expectOk(parseEventLog(alteredBytes(name, change)));
}

function alteredBytes(name: string, change: (events: Draft[]) => readonly Draft[]): Uint8Array {
  const log = boot(name);
  const header = bootBytes(name).subarray(0, log.events[1]?.offset);
  const drafts = log.events.slice(1).map(({ pcr, type, data, digests }) => ({
    pcr,
    type,
    data,
    digest: digests.get('sha256') ?? new Uint8Array(),
  }));
  return concat(header, ...change(drafts).map(encodeDraft));
}

/** An event whose digest is that of its data. */
export function measuredDraft(pcr: number, type: number, data: Uint8Array): Draft {
  return { pcr, type, data, digest: nodeCrypto.hash('sha256', data) };
}

function encodeDraft({ pcr, type, digest, data }: Draft): Uint8Array {
  const number = (value: number) => encode(u32le, value);
  const digests = digest.length === 0 ? number(0) : concat(number(1), encode(u16le, 0x000b), digest);
  return concat(number(pcr), number(type), digests, number(data.length), data);
}

export function utf16(text: string): Uint8Array {
  const wide = Uint16Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
  return concat(...Array.from(wide, (unit) => encode(u16le, unit)));
}
