import { concat, toBase64Url, toHex } from '@sekimori/bytes';
import { parseImaList } from '@sekimori/event-log';
import { parseCertificate } from '@sekimori/pki';
import { type AttestRequest, attestationRoutes } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import { dumpDatabase, QUOTED_PCRS } from '@sekimori/testkit';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { crypto } from './support/authority.ts';
import { aBench, sqliteBench } from './support/bench.ts';
import { activeHost, aMachine, attest, bytes, captured, evidenceFor, goodHost, shown } from './support/host.ts';
import { makeFolder, startService } from './support/service.ts';

const WITH_IMA = [...QUOTED_PCRS, 10].toSorted((a, b) => a - b);
const machine = await aMachine(WITH_IMA);
const bench = await sqliteBench({ settings: { pcrs: WITH_IMA } }, afterAll);
const { wire, deps, clock } = bench;
const host = await goodHost(wire, machine);
beforeEach(async () => {
  await machine.boot();
  expectOk(await attest(wire, host)); // a certificate is out
});

const newest = async () => (await shown(wire, host)).verdicts[0]!;
const withList = (body: AttestRequest, list: Uint8Array): AttestRequest => ({ ...body, imaList: toBase64Url(list) });

describe('a list of IMA that PCR 10 vouches for', () => {
  it('is counted in the verdict, and is not kept', async () => {
    machine.run('/usr/sbin/a-program-of-its-own');
    const { healthCertificate } = expectOk(await attest(wire, host));
    const { ima, pcrs, good } = await newest();
    expect(good).toBe(true);
    const digest = toHex(crypto.hash('sha256', machine.imaList));
    expect(ima).toEqual({ entries: 2, violations: 0, digest, extended: 'own-digest' });
    expect(pcrs.map(({ index }) => index)).toEqual(WITH_IMA);
    expect(dumpDatabase(bench.file)).not.toContain('a-program-of-its-own');
    const { serial } = expectOk(parseCertificate(bytes(healthCertificate)));
    expect(await deps.store.certificateStatus(serial)).toBe('good');
  });

  it('is in no baseline: what runs after the boot changes nothing about it', async () => {
    const baseline = await captured(wire, host, 'another');
    expect(baseline.pcrs.map(({ index }) => index)).toEqual([...QUOTED_PCRS]);
    for (const program of ['/usr/bin/one', '/usr/bin/two']) {
      machine.run(program);
      expectOk(await attest(wire, host)); // by a health key from before the program ran
    }
  });

  it('is cut at the quote where it ran ahead', async () => {
    const good = await evidenceFor(wire, host);
    const quoted = machine.imaList;
    machine.run('/usr/bin/later');
    expectOk(await wire('attest', { body: withList(good, machine.imaList) }));
    expect((await newest()).ima).toMatchObject({ entries: 1, digest: toHex(crypto.hash('sha256', quoted)) });
  });

  it('may have violations: they are counted, and judged by no policy yet', async () => {
    machine.run('/var/log/syslog', { violation: true });
    expectOk(await attest(wire, host));
    expect((await newest()).ima).toMatchObject({ entries: 2, violations: 1 });
  });

  it('stands in the verdict of a boot that the policy refuses', async () => {
    const other = await aBench({ settings: { pcrs: WITH_IMA } });
    const stranger = await activeHost(other.wire, machine);
    expect(await attest(other.wire, stranger)).toMatchObject({ fault: { code: 'policy-denied' } });
    const { verdicts } = await shown(other.wire, stranger);
    expect(verdicts[0]).toMatchObject({ good: false, ima: { entries: 1 } });
  });
});

describe('security property 10: a list that does not reach the quote, never the other way round', () => {
  it.each<[string, (list: Uint8Array) => Uint8Array, code: string]>([
    ['lacks the last entry', (list) => list.subarray(0, lastOffset(list)), 'ima-pcr-mismatch'],
    ['lacks the first entry', (list) => list.subarray(firstLength(list)), 'ima-pcr-mismatch'],
    ['has other data under a digest', (list) => flipped(list, list.length - 2), 'ima-pcr-mismatch'],
    ['has another digest beside its data', (list) => flipped(list, 4), 'ima-digest-mismatch'],
    ['is empty', () => new Uint8Array(0), 'ima-empty'],
    ['is rubbish', () => new Uint8Array(4096).fill(0xa5), 'ima-malformed'],
    ['ends within an entry', (list) => list.subarray(0, -1), 'ima-malformed'],
  ])('a list that %s is refused, and the certificate that was out revoked', async (_, change, code) => {
    machine.run('/usr/bin/secret');
    const good = await evidenceFor(wire, host);
    await expectRefused(withList(good, change(machine.imaList)), code);
  });

  it('a list of another boot', async () => {
    machine.run('/usr/bin/before');
    const before = machine.imaList;
    await machine.boot();
    machine.run('/usr/bin/after');
    await expectRefused(withList(await evidenceFor(wire, host), before), 'ima-pcr-mismatch');
  });

  it('no list, though PCR 10 was asked for and quoted', async () => {
    const { imaList: _, ...body } = await evidenceFor(wire, host);
    await expectRefused(body, 'ima-list-missing');
  });

  it('a quote without PCR 10 is none of what was asked for, with a list or without', async () => {
    const other = await activeHost(wire, await aMachine(), 'node2');
    const body = await evidenceFor(wire, other);
    for (const each of [body, withList(await evidenceFor(wire, other), machine.imaList)])
      expect(await wire('attest', { body: each })).toMatchObject({
        fault: { code: 'evidence-refused', subStatus: ['quote-selection'] },
      });
  });
});

describe('where PCR 10 is not asked for', () => {
  it('which is how a service starts, a list is refused before anything is looked at', async () => {
    const plain = await sqliteBench();
    const stranger = await goodHost(plain.wire, await aMachine());
    const body = withList(await evidenceFor(plain.wire, stranger), machine.imaList);
    const before = dumpDatabase(plain.file);
    expect(await plain.wire('attest', { body })).toMatchObject({ fault: { code: 'malformed-request' } });
    expect(dumpDatabase(plain.file)).toBe(before);
    const { imaList: _, ...good } = body;
    expectOk(await plain.wire('attest', { body: good })); // the challenge is not used up
    const [verdict] = (await shown(plain.wire, stranger)).verdicts;
    expect(verdict).not.toHaveProperty('ima');
  });
});

it('the longest list and the longest log are within the bound of the route, one more byte is not', async () => {
  const { ask } = await startService(await makeFolder({ pcrs: WITH_IMA }));
  const good = await evidenceFor(wire, host);
  const { body: schema, method, url, bodyLimit } = attestationRoutes.attest;
  const longest = (name: 'eventLog' | 'imaList') =>
    'A'.repeat((schema.properties[name] as { readonly maxLength?: number }).maxLength ?? 0);
  const headers = { 'content-type': 'application/json' };
  const send = (body: object) => ask({ method, path: url, headers, body: Buffer.from(JSON.stringify(body)) });
  const full = { ...good, eventLog: longest('eventLog'), imaList: longest('imaList') };
  expect(JSON.stringify(full).length).toBeLessThan(bodyLimit);
  expect(await send(full)).toMatchObject({ status: 404, json: { code: 'unknown-host' } });
  expect(await send({ ...full, imaList: `${longest('imaList')}A` })).toMatchObject({ status: 400 });
});

/** On record, with the PCR where it is about one; no certificate of the host is good any more. */
async function expectRefused(body: AttestRequest, code: string): Promise<void> {
  const before = await deps.store.revocations(clock.now());
  expect(await wire('attest', { body })).toMatchObject({ fault: { code: 'evidence-refused', subStatus: [code] } });
  const after = await deps.store.revocations(clock.now());
  expect(after.number).toBe(before.number + 1);
  expect(after.hosts).toContainEqual({ id: host.id, before: clock.now() });
  const { findings, ima, ...verdict } = await newest();
  expect(verdict).toMatchObject({ good: false, code: 'evidence-refused', subStatus: [code] });
  expect(findings).toMatchObject([{ rule: 'evidence', effect: 'refuse', code }]);
  if (code === 'ima-pcr-mismatch') expect(findings[0]).toMatchObject({ pcr: 10, expected: expect.any(String) });
  expect(ima).toBeUndefined();
}

function lastOffset(list: Uint8Array): number {
  return list.length - expectOk(parseImaList(list)).entries.at(-1)!.bytes.length;
}

function firstLength(list: Uint8Array): number {
  return expectOk(parseImaList(list)).entries[0]!.bytes.length;
}

function flipped(list: Uint8Array, at: number): Uint8Array {
  return concat(list.subarray(0, at), Uint8Array.of(list[at]! ^ 1), list.subarray(at + 1));
}
