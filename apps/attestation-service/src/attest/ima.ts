import { toHex } from '@sekimori/bytes';
import type { Crypto, HashName } from '@sekimori/crypto-core';
import { IMA_PCR, type ImaEntry, type LogFault, parseImaList, type QuotedPcrs, replayIma } from '@sekimori/event-log';
import type { ImaShape } from '@sekimori/protocol';
import { fail, type Fault, ok, type Result } from '@sekimori/result';

/** Whether hosts have to quote PCR 10, and so to send their list of IMA. */
export function asksForIma({ pcrs }: { readonly pcrs: readonly number[] }): boolean {
  return pcrs.includes(IMA_PCR);
}

/** What a boot log and baselines are held against: all that was quoted but PCR 10, which grows as programs run. */
export function bootPcrs(bank: HashName, quoted: ReadonlyMap<number, Uint8Array>): QuotedPcrs {
  const boot = new Map([...quoted].filter(([index]) => index !== IMA_PCR));
  return { bank, indices: [...boot.keys()], pcr: (index) => boot.get(index) };
}

/**
 * Holds the list against PCR 10 as a verified quote has it; undefined where that was not asked for. What the entries are worth nobody
 * judges yet: it shows that the list is the one that this boot's kernel measured, up to the quote.
 *
 * `ima-list-missing`, and the faults of `parseImaList` and `replayIma`.
 */
export function replayedIma(
  crypto: Pick<Crypto, 'hash'>,
  quoted: Uint8Array | undefined,
  bytes: Uint8Array | undefined,
): Result<ImaShape | undefined, LogFault | Fault<'ima-list-missing'>> {
  if (!quoted) return ok(undefined);
  if (!bytes) return fail('ima-list-missing', `PCR ${IMA_PCR} was asked for, and no list of IMA came with it`);
  const list = parseImaList(bytes);
  if (!list.ok) return list;
  const replayed = replayIma(crypto, list.value, 'sha256', quoted);
  if (!replayed.ok) return replayed;
  const { entries, violations, extended } = replayed.value;
  const digest = toHex(crypto.hash('sha256', bytesOf(entries)));
  return ok({ entries: entries.length, violations, digest, extended });
}

function bytesOf(entries: readonly ImaEntry[]): Uint8Array {
  const all = new Uint8Array(entries.reduce((length, { bytes }) => length + bytes.length, 0));
  let at = 0;
  for (const { bytes } of entries) {
    all.set(bytes, at);
    at += bytes.length;
  }
  return all;
}
