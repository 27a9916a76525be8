import { toHex } from '@sekimori/bytes';
import type { Crypto, HashName } from '@sekimori/crypto-core';
import { describeEvent } from './describe.ts';
import { EV } from './event-types.ts';
import { type Facts, factsFrom } from './facts.ts';
import { type LogFault, logFault } from './fault.ts';
import { defects } from './grammar.ts';
import type { EventLog } from './log.ts';
import { type ReadEvent, readEvent } from './read-event.ts';
import { type QuotedPcrs, reconcile } from './reconcile.ts';
import { replay, replayable } from './replay.ts';

/** A log for people and for `--json`: bytes are lower-case hex, and the shape is stable. */
export interface ExplainedLog {
  readonly format: EventLog['format'];
  readonly banks: readonly string[];
  /** The bank that coverage, facts and findings are about; absent where none of the log's can be computed. */
  readonly bank?: HashName;
  /** Whether a quote vouches for the log. Without one everything here is the log's own word. */
  readonly authenticated: boolean;
  readonly events: readonly ExplainedEvent[];
  /** Replayed values: bank, then PCR. */
  readonly pcrs: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly facts?: Facts;
  readonly findings: readonly LogFault[];
}

export interface ExplainedEvent {
  readonly index: number;
  readonly pcr: number;
  readonly type: string;
  readonly digests: Readonly<Record<string, string>>;
  readonly size: number;
  readonly coverage: ReadEvent['coverage'] | 'not-measured';
  readonly description: string;
}

/** Reads a log aloud: events, replayed PCRs, facts, and every defect of grammar; with a quote, whether the two agree. */
export function explain(
  crypto: Pick<Crypto, 'hash'>,
  log: EventLog,
  options: { readonly bank?: HashName; readonly quoted?: QuotedPcrs } = {},
): ExplainedLog {
  const bank = options.quoted?.bank ?? options.bank ?? bestBank(log);
  const read = log.events.map((event) => {
    const digest = bank && event.digests.get(bank);
    return bank && digest ? readEvent(crypto, event, digest, bank) : unread(crypto, event);
  });
  const findings: LogFault[] = [];
  const pcrs: Record<string, Record<string, string>> = {};
  for (const name of replayable(log)) {
    const values = replay(crypto, log, name);
    if (values.ok) pcrs[name] = Object.fromEntries([...values.value].map(([pcr, value]) => [pcr, toHex(value)]));
    else if (name === bank) findings.push(values.fault);
  }
  const chains = new Map<number, ReadEvent[]>();
  for (const event of read) {
    if (event.type === EV.EV_NO_ACTION || event.digest.length === 0) continue;
    const chain = chains.get(event.pcr);
    if (chain) chain.push(event);
    else chains.set(event.pcr, [event]);
  }
  const accepted = options.quoted && reconcile(crypto, log, options.quoted);
  if (bank) findings.push(...defects(chains));
  else findings.push(logFault('log-bank-missing', `none of the banks ${log.banks.join(', ')} can be computed`));
  if (accepted && !accepted.ok && !findings.some((finding) => sameFinding(finding, accepted.fault)))
    findings.unshift(accepted.fault);
  const shown = accepted?.ok ? (pcr: number) => accepted.value.eventsOf(pcr) : (pcr: number) => chains.get(pcr) ?? [];
  return {
    format: log.format,
    banks: log.banks,
    ...(bank && { bank }),
    authenticated: accepted?.ok === true,
    events: read.map(explained),
    pcrs,
    ...(bank && { facts: factsFrom(shown) }),
    findings,
  };
}

function bestBank(log: EventLog): HashName | undefined {
  const banks = replayable(log);
  return (['sha256', 'sha384', 'sha512', 'sha1'] as const).find((bank) => banks.includes(bank));
}

/** An event without a digest in the bank at hand. */
function unread(crypto: Pick<Crypto, 'hash'>, event: EventLog['events'][number]): ReadEvent {
  const digests = new Map(event.digests);
  return { ...readEvent(crypto, { ...event, digests: new Map() }, new Uint8Array(), 'sha256'), digests };
}

function explained(event: ReadEvent): ExplainedEvent {
  return {
    index: event.index,
    pcr: event.pcr,
    type: event.typeName,
    digests: Object.fromEntries([...event.digests].map(([bank, digest]) => [bank, toHex(digest)])),
    size: event.data.length,
    coverage: event.type === EV.EV_NO_ACTION ? 'not-measured' : event.coverage,
    description: describeEvent(event),
  };
}

function sameFinding(a: LogFault, b: LogFault): boolean {
  return a.code === b.code && a.event === b.event && a.pcr === b.pcr;
}
