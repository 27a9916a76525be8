import { copyOf, equal, isAllZero, toHex } from '@sekimori/bytes';
import { type Crypto, type HashName, hashLength } from '@sekimori/crypto-core';
import { ok, type Result } from '@sekimori/result';
import { faultAt, type LogFault, refuse } from './fault.ts';
import { defects, FIRMWARE_PCRS } from './grammar.ts';
import type { EventLog } from './log.ts';
import { type ReadEvent, readEvent } from './read-event.ts';
import { chainsOf, cutAt, type Link, type StartupLocality, statedLocality } from './replay.ts';

/** PCR values that a TPM signed for: a VerifiedQuote is one. A quote that nobody verified must never get here. */
export interface QuotedPcrs {
  readonly bank: HashName;
  readonly indices: readonly number[];
  pcr(index: number): Uint8Array | undefined;
}

/**
 * A log that explains a quote, event by event: having one is the proof. It holds the events of the quoted PCRs alone, cut where
 * the log ran ahead of the quote, and no EV_NO_ACTION, which nothing vouches for.
 */
export class AcceptedLog implements QuotedPcrs {
  readonly bank: HashName;
  /** Quoted PCRs, rising. */
  readonly indices: readonly number[];
  readonly startupLocality: StartupLocality;
  /** In the log's order. */
  readonly events: readonly ReadEvent[];
  /** Events of quoted PCRs that the log had beyond the quote. */
  readonly cut: number;
  readonly #pcrs: ReadonlyMap<number, Uint8Array>;

  private constructor(
    bank: HashName,
    pcrs: ReadonlyMap<number, Uint8Array>,
    events: readonly ReadEvent[],
    startupLocality: StartupLocality,
    cut: number,
  ) {
    this.bank = bank;
    this.#pcrs = pcrs;
    this.indices = [...pcrs.keys()];
    this.events = events;
    this.startupLocality = startupLocality;
    this.cut = cut;
  }

  pcr(index: number): Uint8Array | undefined {
    const value = this.#pcrs.get(index);
    return value && copyOf(value);
  }

  eventsOf(pcr: number): readonly ReadEvent[] {
    return this.events.filter((event) => event.pcr === pcr);
  }

  /** Whether this log was accepted for these very values. */
  explains(quoted: QuotedPcrs): boolean {
    if (quoted.bank !== this.bank || quoted.indices.length !== this.#pcrs.size) return false;
    return quoted.indices.every((index) => {
      const [own, other] = [this.#pcrs.get(index), quoted.pcr(index)];
      return own !== undefined && other !== undefined && equal(own, other);
    });
  }

  static reconcile(crypto: Pick<Crypto, 'hash'>, log: EventLog, quoted: QuotedPcrs): Result<AcceptedLog, LogFault> {
    const { bank } = quoted;
    if (bank === 'sha1') return refuse('log-bank-refused', 'a SHA-1 bank proves nothing any more');
    const pcrs = quotedValues(quoted);
    if (!pcrs.ok) return pcrs;
    const chains = chainsOf(log, bank, [...pcrs.value.keys()]);
    if (!chains.ok) return chains;
    const capped = findCapped([...chains.value.values()].flat());
    if (capped) return { ok: false, fault: capped };
    const stated = statedLocality(log);
    if (!stated.ok) return stated;
    let locality: StartupLocality = stated.value ?? 0;
    let cut = 0;
    const accepted = new Map<number, readonly ReadEvent[]>();
    for (const [pcr, value] of pcrs.value) {
      const chain = chains.value.get(pcr) ?? [];
      const part = cutAt(crypto, bank, pcr, chain, value, stated.value);
      if (!part.ok) return part;
      if (pcr === 0) locality = part.value.locality;
      cut += chain.length - part.value.links.length;
      accepted.set(
        pcr,
        part.value.links.map(({ event, digest }) => readEvent(crypto, event, digest, bank)),
      );
    }
    for (const fault of defects(accepted)) return { ok: false, fault };
    const events = [...accepted.values()].flat().toSorted((a, b) => a.index - b.index);
    return ok(new AcceptedLog(bank, pcrs.value, events, locality, cut));
  }
}

/**
 * Whether a log explains a quote. Accepted only if every quoted PCR comes out of the log exactly, PCRs 0 to 7 are quoted,
 * were extended by firmware and closed by one separator each, and the log keeps to the grammar (see the README). A log that
 * ran ahead of the quote in a PCR is cut at the matching entry; a quote ahead of its log is a mismatch.
 */
export function reconcile(
  crypto: Pick<Crypto, 'hash'>,
  log: EventLog,
  quoted: QuotedPcrs,
): Result<AcceptedLog, LogFault> {
  return AcceptedLog.reconcile(crypto, log, quoted);
}

function quotedValues(quoted: QuotedPcrs): Result<ReadonlyMap<number, Uint8Array>, LogFault> {
  const { bank, indices } = quoted;
  for (const pcr of FIRMWARE_PCRS)
    if (!indices.includes(pcr)) return refuse('log-pcr-not-quoted', `PCR ${pcr} is not quoted`, { pcr });
  const values = new Map<number, Uint8Array>();
  for (const pcr of indices.toSorted((a, b) => a - b)) {
    const value = quoted.pcr(pcr);
    if (value?.length !== hashLength(bank))
      return refuse('log-pcr-not-quoted', `PCR ${pcr} has no value of the ${bank} bank`, { pcr });
    // Zeros, or zeros with a locality behind them: firmware left this bank to whoever came after it (CVE-2021-42299).
    if (pcr <= 7 && isAllZero(value.subarray(0, -1)))
      return refuse('log-pcr-not-extended', `firmware never extended PCR ${pcr} in the ${bank} bank`, {
        pcr,
        actual: toHex(value),
      });
    values.set(pcr, copyOf(value));
  }
  return ok(values);
}

/** No hash is all zeros or all ones: who extends such a digest closes a bank that nobody measures into. */
function findCapped(links: readonly Link[]): LogFault | undefined {
  const link = links.find(({ digest }) => isAllZero(digest) || digest.every((byte) => byte === 0xff));
  return (
    link &&
    faultAt(link.event, 'log-digest-capped', 'a digest of zeros or ones caps the bank', { actual: toHex(link.digest) })
  );
}
