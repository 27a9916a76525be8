import { concat, toBase64Url } from '@sekimori/bytes';
import { parseEventLog } from '@sekimori/event-log';
import type { AttestRequest } from '@sekimori/protocol';
import { parseCertificate } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import { boot, createForger, type Defect, DEFECTS, dumpDatabase, QUOTED_PCRS, virtualHost } from '@sekimori/testkit';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { crypto } from './support/authority.ts';
import { aBench, anotherNode, type Bench, sqliteBench } from './support/bench.ts';
import {
  aChallenge,
  aClientKey,
  activeHost,
  aMachine,
  attest,
  bytes,
  evidenceFor,
  goodHost,
  shown,
} from './support/host.ts';

const [machine, otherMachine] = [await aMachine(), await aMachine()];
const bench = await sqliteBench({}, afterAll);
const host = await goodHost(bench.wire, machine);
await activeHost(bench.wire, otherMachine, 'node2');
beforeEach(async () => {
  await machine.boot(boot('uki-snakeoil'));
  expectOk(await attest(bench.wire, host)); // a certificate is out
});

/** Refused as it arrived: whoever sent it may not be the host, so nothing is written. */
async function expectRubbish(body: AttestRequest, code: string, subStatus?: string): Promise<void> {
  const before = dumpDatabase(bench.file);
  const fault = subStatus === undefined ? { code } : { code, subStatus: [subStatus] };
  expect(await bench.wire('attest', { body })).toMatchObject({ fault });
  expect(dumpDatabase(bench.file)).toBe(before);
}

/** Refused as the host's own: on record, and the certificate that was out is revoked in the same transaction. */
async function expectRefused(
  body: AttestRequest,
  code: string,
  subStatus: string,
  { wire, deps, clock }: Bench = bench,
): Promise<void> {
  const [before, head] = [await deps.store.revocations(clock.now()), await deps.store.auditHead()];
  expect(await wire('attest', { body })).toMatchObject({ fault: { code, subStatus: [subStatus] } });
  const after = await deps.store.revocations(clock.now());
  expect(after.number).toBe(before.number + 1);
  expect(after.hosts).toContainEqual({ id: host.id, before: clock.now() });
  const [entry, ...more] = await deps.store.auditEntries({ after: head.index, limit: 10 });
  expect(more).toEqual([]);
  expect(entry).toMatchObject({
    kind: 'host.refused',
    subject: `host:${host.id}`,
    body: { code, subStatus: [subStatus] },
  });
  const [verdict] = (await shown(wire, host)).verdicts;
  expect(verdict).toMatchObject({ good: false, code, subStatus: [subStatus], traceId: entry?.traceId });
  expect(await wire('attest', { body })).toMatchObject({ fault: { code: 'challenge-used' } });
}

/** Refused as the host's own, from before what was accepted last: on record and used up, and its certificates stand. */
async function expectLate(body: AttestRequest, subStatus: string, { wire, deps, clock }: Bench = bench): Promise<void> {
  const [{ counters, lastVerdict }, head] = [(await deps.store.host(host.id))!, await deps.store.auditHead()];
  const before = await deps.store.revocations(clock.now());
  expect(await wire('attest', { body })).toMatchObject({ fault: { code: 'evidence-refused', subStatus: [subStatus] } });
  expect(await deps.store.revocations(clock.now())).toEqual(before);
  expect(await bench.deps.store.host(host.id)).toMatchObject({ counters, lastVerdict });
  const [entry, ...more] = await deps.store.auditEntries({ after: head.index, limit: 10 });
  expect(more).toEqual([]);
  expect(entry).toMatchObject({ kind: 'host.refused', body: { code: 'evidence-refused', subStatus: [subStatus] } });
  const [verdict] = (await shown(wire, host)).verdicts;
  expect(verdict).toMatchObject({ good: false, subStatus: [subStatus], traceId: entry?.traceId });
  expect(await wire('attest', { body })).toMatchObject({ fault: { code: 'challenge-used' } });
}

type Outcome = readonly ['rubbish' | 'refused', code: string, subStatus?: string];
const OUTCOMES: Readonly<Record<Defect, Outcome>> = {
  'quote-by-another-key': ['rubbish', 'evidence-refused', 'quote-signature'],
  'quote-changed': ['rubbish', 'evidence-refused', 'quote-signature'],
  'quote-longer': ['rubbish', 'evidence-refused', 'quote-signature'],
  'quote-signature-longer': ['rubbish', 'evidence-refused', 'quote-signature'],
  'quote-for-another-request': ['rubbish', 'evidence-refused', 'quote-nonce'],
  'quote-of-other-pcrs': ['refused', 'evidence-refused', 'quote-selection'],
  'quote-is-certification': ['rubbish', 'evidence-refused', 'quote-type'],
  'pcr-value-changed': ['refused', 'evidence-refused', 'quote-digest'],
  'pcr-value-missing': ['refused', 'evidence-refused', 'quote-pcr-values'],
  'pcr-value-twice': ['rubbish', 'malformed-request'],
  'certify-by-another-key': ['refused', 'evidence-refused', 'health-key-signature'],
  'certify-changed': ['refused', 'evidence-refused', 'health-key-signature'],
  'certify-for-another-request': ['refused', 'evidence-refused', 'health-key-nonce'],
  'certify-of-another-key': ['refused', 'evidence-refused', 'health-key-name'],
  'certify-is-quote': ['refused', 'evidence-refused', 'health-key-type'],
  'certify-of-an-earlier-boot': ['refused', 'evidence-refused', 'health-key-counters'],
  'health-key-of-the-owner': ['refused', 'evidence-refused', 'health-key-hierarchy'],
  'health-key-with-password': ['refused', 'evidence-refused', 'health-key-attributes'],
  'health-key-for-signing': ['refused', 'evidence-refused', 'health-key-attributes'],
  'health-key-of-fewer-pcrs': ['refused', 'evidence-refused', 'health-key-policy'],
  'health-key-without-policy': ['refused', 'evidence-refused', 'health-key-policy'],
  'log-changed': ['refused', 'policy-denied', 'TcgLogVerification'],
  'log-cut': ['refused', 'policy-denied', 'TcgLogVerification'],
};

describe('security property 4: right magic, type, PCR selection, digest, signer, extraData, and no byte left over', () => {
  it.each(Object.entries(DEFECTS) as [Defect, string][])('%s: %s', async (defect) => {
    const [outcome, code, subStatus] = OUTCOMES[defect];
    const body = await evidenceFor(bench.wire, host, { defect });
    await (outcome === 'rubbish' ? expectRubbish(body, code, subStatus) : expectRefused(body, code, subStatus ?? ''));
  });
  it('a quote of another TPM, also of an enrolled one', async () => {
    const body = await evidenceFor(bench.wire, { ...host, machine: otherMachine });
    await expectRubbish(body, 'evidence-refused', 'quote-signature');
  });
  it.each([
    ['fewer', QUOTED_PCRS.slice(0, 8)],
    ['more', [...QUOTED_PCRS, 15]],
  ])('a quote over %s PCRs than asked for', async (name, pcrs) => {
    const thrifty = await virtualHost({ crypto, boot: boot('uki-snakeoil'), pcrs });
    const other = await activeHost(bench.wire, thrifty, name);
    expect(await attest(bench.wire, other)).toMatchObject({
      fault: { code: 'evidence-refused', subStatus: ['quote-selection'] },
    });
    expect((await shown(bench.wire, other)).verdicts).toHaveLength(1);
  });
  it('a quote by a key outside any TPM', async () => {
    const good = await evidenceFor(bench.wire, host);
    const signature = await (await createForger(crypto)).sign(bytes(good.quote.attest));
    const body = { ...good, quote: { ...good.quote, signature: toBase64Url(signature) } };
    await expectRubbish(body, 'evidence-refused', 'quote-signature');
  });
  it.each(['quote', 'certify'] as const)('a %s of zeros', async (part) => {
    const good = await evidenceFor(bench.wire, host);
    const zeros = { attest: toBase64Url(new Uint8Array(129)), signature: toBase64Url(new Uint8Array(72)) };
    const body = { ...good, [part]: zeros };
    if (part === 'quote') await expectRubbish(body, 'evidence-refused', 'quote-signature');
    else await expectRefused(body, 'evidence-refused', 'health-key-signature');
  });
  it('more PCRs claimed than quoted', async () => {
    const good = await evidenceFor(bench.wire, host);
    const body = { ...good, pcrs: [...good.pcrs, { index: 10, value: toBase64Url(new Uint8Array(32)) }] };
    await expectRefused(body, 'evidence-refused', 'quote-pcr-values');
  });
  it('no health key and no client key: only what is one is taken', async () => {
    const good = await evidenceFor(bench.wire, host);
    const rubbish = toBase64Url(new Uint8Array(91));
    await expectRubbish({ ...good, healthKey: rubbish }, 'evidence-refused', 'health-key-malformed');
    await expectRubbish({ ...good, clientKey: rubbish }, 'evidence-refused', 'client-key');
  });
});

describe('security property 3: evidence is bound to challenge, service, host and keys', () => {
  it('evidence of an earlier challenge under a fresh one', async () => {
    const old = await evidenceFor(bench.wire, host);
    expectOk(await bench.wire('attest', { body: old }));
    const challenge = await aChallenge(bench.wire, host);
    await expectRubbish({ ...old, challenge }, 'evidence-refused', 'quote-nonce');
    await expectRubbish(old, 'challenge-used');
  });
  it('another client key or health key than the evidence was made for', async () => {
    const good = await evidenceFor(bench.wire, host);
    const clientKey = toBase64Url(await aClientKey());
    await expectRubbish({ ...good, clientKey }, 'evidence-refused', 'quote-nonce');
    const healthKey = toBase64Url((await otherMachine.healthKey()).tpm2bPublic);
    await expectRubbish({ ...good, healthKey }, 'evidence-refused', 'quote-nonce');
  });
  it.each([
    ['another service', { serviceId: 'hgs.evil.example' }],
    ['another host', { hostId: '6a3e8f0e-8f7b-4a52-9f5a-0d6a0b3f1c2d' }],
    ['another challenge', { challenge: toBase64Url(new Uint8Array(89)) }],
  ])('a quote that was made for %s', async (_, bound) => {
    const body = await evidenceFor(bench.wire, host, { bound });
    await expectRubbish(body, 'evidence-refused', 'quote-nonce');
  });
  it('evidence that a relay sends in the name of its own client key', async () => {
    const relay = await aClientKey();
    const body = await evidenceFor(bench.wire, { ...host, clientKey: relay }, { bound: { clientKey: host.clientKey } });
    await expectRubbish(body, 'evidence-refused', 'quote-nonce');
  });
});

describe('security property 11: counters and clock of a TPM are monotonic', () => {
  it('evidence from before the last reset that was accepted', async () => {
    const old = await evidenceFor(bench.wire, host);
    await machine.boot();
    expectOk(await attest(bench.wire, host));
    await expectLate(old, 'quote-reset-count');
  });
  it('a request that was held back while its host attested again: the certificate of that stands', async () => {
    const { wire, deps, clock } = await aBench();
    const ticking = await goodHost(wire, await virtualHost({ crypto, boot: boot('uki-snakeoil'), now: clock.now }));
    const delayed = await evidenceFor(wire, ticking);
    clock.advance(5000);
    const { healthCertificate } = expectOk(await attest(wire, ticking));
    const late = { fault: { code: 'evidence-refused', subStatus: ['quote-clock'] } };
    expect(await wire('attest', { body: delayed })).toMatchObject(late);
    const { serial } = expectOk(parseCertificate(bytes(healthCertificate)));
    expect(await deps.store.certificateStatus(serial)).toBe('good');
    expect((await deps.store.revocations(clock.now())).hosts).toEqual([]);
  });
  it('also when another node accepted the later boot in the meantime', async () => {
    const { store } = bench.deps;
    const stale = await store.host(host.id);
    const old = await evidenceFor(bench.wire, host);
    await machine.boot();
    expectOk(await attest(bench.wire, host));
    const present = () => store.host(host.id);
    let asked = 0;
    // what `attest` reads first is from before; the rest of the test sees what stands
    const node = anotherNode(bench, { ...store, host: async () => (asked++ === 1 ? stale : present()) });
    await expectLate(old, 'counters-went-back', node);
  });
});

describe('security property 7: event types are hints, and a bank that firmware did not extend is refused', () => {
  it('an event with another type, which no digest covers', async () => {
    const good = await evidenceFor(bench.wire, host);
    const log = bytes(good.eventLog);
    const { events } = expectOk(parseEventLog(log));
    const variable = events.find(({ pcr, type }) => pcr === 7 && type === 0x80000001);
    const retyped = Uint8Array.from(log);
    retyped.set(leBytes(0x0000000d), (variable?.offset ?? 0) + 4); // EV_IPL
    await expectRefused({ ...good, eventLog: toBase64Url(retyped) }, 'policy-denied', 'TcgLogVerification');
    const [verdict] = (await shown(bench.wire, host)).verdicts;
    expect(verdict?.findings[0]).toMatchObject({ rule: 'event-log', code: 'log-event-unexpected', pcr: 7 });
  });
  it('PCRs that nobody extended since the reset', async () => {
    await machine.boot();
    machine.software.reset();
    await expectRefused(await evidenceFor(bench.wire, host), 'evidence-refused', 'quote-pcr-unextended');
  });
});

describe('security property 10: a log ahead of the quote is cut at the matching entry, never the other way', () => {
  it('one that ran ahead is good', async () => {
    const good = await evidenceFor(bench.wire, host);
    const eventLog = toBase64Url(concat(bytes(good.eventLog), anEvent(12)));
    expectOk(await bench.wire('attest', { body: { ...good, eventLog } }));
  });
  it.each([
    ['that ends before the quote', (log: Uint8Array) => log.slice(0, lastOffset(log)), 'log-pcr-mismatch'],
    ['of another boot', () => boot('uki-snakeoil-cmdline-changed'), 'log-pcr-mismatch'],
    ['that is empty', () => new Uint8Array(0), 'log-empty'],
    ['of rubbish', () => new Uint8Array(4096).fill(0xa5), 'log-malformed'],
  ])('a log %s', async (_, change, code) => {
    const good = await evidenceFor(bench.wire, host);
    const eventLog = toBase64Url(change(bytes(good.eventLog)));
    await expectRefused({ ...good, eventLog }, 'policy-denied', 'TcgLogVerification');
    const [verdict] = (await shown(bench.wire, host)).verdicts;
    expect(verdict?.findings[0]).toMatchObject({ rule: 'event-log', code });
  });
  it('a quote ahead of its log: what was extended and not logged', async () => {
    await machine.boot();
    machine.software.extendPcr(12, new Map([['sha256', crypto.hash('sha256', Uint8Array.of(1))]]));
    await expectRefused(await evidenceFor(bench.wire, host), 'policy-denied', 'TcgLogVerification');
  });
});

/** TCG_PCR_EVENT2 of a kernel that measures a word: PCR, EV_IPL, one SHA-256 digest, data. */
function anEvent(pcr: number): Uint8Array {
  const data = Uint8Array.of(1, 2, 3, 4);
  const digests = concat(leBytes(1), Uint8Array.of(0x0b, 0), crypto.hash('sha256', data));
  return concat(leBytes(pcr), leBytes(0x0000000d), digests, leBytes(data.length), data);
}

function leBytes(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

function lastOffset(log: Uint8Array): number {
  return expectOk(parseEventLog(log)).events.at(-1)?.offset ?? 0;
}
