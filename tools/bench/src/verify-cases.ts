import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { type EventLog, parseEventLog, type QuotedPcrs, reconcile, replay } from '@sekimori/event-log';
import { AttestationKey, type ExpectedQuote, VerifiedQuote } from '@sekimori/quote-verifier';
import { expectOk } from '@sekimori/result';
import { boot, QUOTED_PCRS, virtualHost } from '@sekimori/testkit';
import { bareHashes, bareVerify, inTurn } from './bare.ts';
import type { Case } from './case.ts';
import { hashesOf } from './hashes.ts';

/** Base: verifying one ECDSA P-256 signature, and the SHA-256 over the quoted values. */
export async function quoteCase(): Promise<Case> {
  const host = await virtualHost({ crypto, boot: boot('uki-snakeoil') });
  const extraData = crypto.random(32);
  const { quote, pcrs } = await host.evidence({ extraData });
  const attestationKey = expectOk(AttestationKey.enrol(crypto, (await host.attestationKey()).tpm2bPublic));
  const expected: ExpectedQuote = {
    attestationKey,
    extraData,
    selection: { bank: 'sha256', indices: QUOTED_PCRS },
    previous: undefined,
  };
  return {
    name: 'quote verification',
    subject: () => expectOk(VerifiedQuote.verify(crypto, { ...quote, pcrs }, expected)),
    base: inTurn([1, bareVerify(quote.attest.length)], [1, bareHashes([['sha256', new Uint8Array(32 * pcrs.length)]])]),
  };
}

/** Parsing and reconciling the recorded boot that `attest` uses. Base: the same digests over ready-made buffers. */
export function replayCase(): Case {
  const bytes = boot('uki-snakeoil');
  const quoted = quotedBy(expectOk(parseEventLog(bytes)));
  return {
    name: 'event-log replay',
    subject: () => expectOk(reconcile(crypto, expectOk(parseEventLog(bytes)), quoted)),
    base: bareHashes(replayHashes(bytes)),
  };
}

/** What replaying a log hashes: one extend for each event, and the data of events whose digest is over it. */
export function replayHashes(bytes: Uint8Array) {
  const log = expectOk(parseEventLog(bytes));
  const quoted = quotedBy(log);
  return hashesOf((recording) => expectOk(reconcile(recording, log, quoted)));
}

function quotedBy(log: EventLog): QuotedPcrs {
  const values = expectOk(replay(crypto, log, 'sha256'));
  const reset = new Uint8Array(32);
  return { bank: 'sha256', indices: QUOTED_PCRS, pcr: (index) => values.get(index) ?? reset };
}
