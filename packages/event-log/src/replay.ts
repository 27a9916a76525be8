import { concat, equal, toHex } from '@sekimori/bytes';
import { type Crypto, type HashName, hashLength } from '@sekimori/crypto-core';
import { ok, type Result } from '@sekimori/result';
import { isReplayable } from './algorithms.ts';
import { contentOf } from './content.ts';
import { EV } from './event-types.ts';
import { type LogFault, logFault, placeOf, refuse } from './fault.ts';
import type { EventLog, LogEvent } from './log.ts';

export type StartupLocality = 0 | 3 | 4;

type Hash = Pick<Crypto, 'hash'>;

/**
 * Every PCR that the log extends, in one bank: index to value. PFP 1.06, 10.3 and 3.3.4 (start values). EV_NO_ACTION is not
 * extended. PCR 0 begins with the startup locality the log states, 0 where it states none.
 *
 * Faults: `log-bank-missing` (the log has no such bank), `log-digest-missing` (an event lacks it), `log-startup-locality`.
 */
export function replay(crypto: Hash, log: EventLog, bank: HashName): Result<ReadonlyMap<number, Uint8Array>, LogFault> {
  const chains = chainsOf(log, bank);
  if (!chains.ok) return chains;
  const locality = statedLocality(log);
  if (!locality.ok) return locality;
  const values = new Map<number, Uint8Array>();
  for (const [pcr, chain] of [...chains.value].toSorted(([a], [b]) => a - b)) {
    let value: Uint8Array = startValue(bank, pcr, locality.value ?? 0);
    for (const link of chain) value = extend(crypto, bank, value, link.digest);
    values.set(pcr, value);
  }
  return ok(values);
}

/** An event with its digest in the bank at hand. */
export interface Link {
  readonly event: LogEvent;
  readonly digest: Uint8Array;
}

/** The extends of each PCR (of `pcrs` alone where given) in the log's order. Order between two PCRs is nobody's word. */
export function chainsOf(
  log: EventLog,
  bank: HashName,
  pcrs?: readonly number[],
): Result<ReadonlyMap<number, readonly Link[]>, LogFault> {
  if (!log.banks.includes(bank))
    return refuse('log-bank-missing', `the log has the banks ${log.banks.join(', ')}, not ${bank}`);
  const chains = new Map<number, Link[]>();
  for (const event of log.events) {
    if (event.type === EV.EV_NO_ACTION || (pcrs && !pcrs.includes(event.pcr))) continue;
    const digest = event.digests.get(bank);
    if (digest === undefined)
      return refuse(
        'log-digest-missing',
        `event ${event.index} of PCR ${event.pcr} has no ${bank} digest`,
        placeOf(event),
      );
    const chain = chains.get(event.pcr);
    if (chain) chain.push({ event, digest });
    else chains.set(event.pcr, [{ event, digest }]);
  }
  return ok(chains);
}

/**
 * The part of a chain whose replay is the wanted value: a log that ran ahead of the quote is cut there. With a locality the
 * log does not state, 0, 3 and 4 are tried: the TPM alone sets it, and the value must still come out exactly.
 */
export function cutAt(
  crypto: Hash,
  bank: HashName,
  pcr: number,
  chain: readonly Link[],
  wanted: Uint8Array,
  locality: StartupLocality | undefined,
): Result<{ readonly links: readonly Link[]; readonly locality: StartupLocality }, LogFault> {
  const starts: readonly StartupLocality[] = pcr === 0 ? (locality === undefined ? [0, 3, 4] : [locality]) : [0];
  let replayed = new Uint8Array();
  for (const start of starts) {
    let value: Uint8Array = startValue(bank, pcr, start);
    if (equal(value, wanted)) return ok({ links: [], locality: start });
    for (const [i, link] of chain.entries()) {
      value = extend(crypto, bank, value, link.digest);
      if (equal(value, wanted)) return ok({ links: chain.slice(0, i + 1), locality: start });
    }
    if (start === (locality ?? 0)) replayed = Uint8Array.from(value);
  }
  const last = chain.at(-1)?.event.index;
  return {
    ok: false,
    fault: mismatch(pcr, chain.length, wanted, replayed, last),
  };
}

/** StartupLocality: one event at most, before anything is extended into PCR 0, and 0, 3 or 4. PFP 1.06, 10.4.5.3. */
export function statedLocality(log: EventLog): Result<StartupLocality | undefined, LogFault> {
  let stated: StartupLocality | undefined;
  let extended = false;
  for (const event of log.events) {
    if (event.type !== EV.EV_NO_ACTION) {
      extended ||= event.pcr === 0;
      continue;
    }
    const content = contentOf(event);
    if (content.is !== 'locality') continue;
    const { value } = content;
    if (stated !== undefined || extended || event.pcr !== 0 || (value !== 0 && value !== 3 && value !== 4))
      return refuse(
        'log-startup-locality',
        `event ${event.index} states locality ${value}; one event before the first extend of PCR 0 may state 0, 3 or 4`,
        placeOf(event),
      );
    stated = value;
  }
  return ok(stated);
}

/** PCRs 17 to 22 begin with ones, all others with zeros, but for the locality in PCR 0. PTP 1.06, 3.3.4. */
function startValue(bank: HashName, pcr: number, locality: StartupLocality): Uint8Array<ArrayBuffer> {
  const value = new Uint8Array(hashLength(bank)).fill(pcr >= 17 && pcr <= 22 ? 0xff : 0);
  if (pcr === 0) value[value.length - 1] = locality;
  return value;
}

export function replayable(log: EventLog): readonly HashName[] {
  return log.banks.filter(isReplayable);
}

function extend(crypto: Hash, bank: HashName, value: Uint8Array, digest: Uint8Array): Uint8Array {
  return crypto.hash(bank, concat(value, digest));
}

function mismatch(
  pcr: number,
  length: number,
  wanted: Uint8Array,
  replayed: Uint8Array,
  last: number | undefined,
): LogFault {
  const expected = toHex(wanted);
  const actual = toHex(replayed);
  const detail = `PCR ${pcr} was quoted as ${expected}; the log's ${length} events give ${actual}, and no part of them gives it`;
  return logFault('log-pcr-mismatch', detail, {
    pcr,
    expected,
    actual,
    ...(last === undefined ? {} : { event: last }),
  });
}
