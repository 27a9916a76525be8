import { concat, toBase64Url, toHex, utf8 } from '@sekimori/bytes';
import { parseEventLog } from '@sekimori/event-log';
import { expectOk } from '@sekimori/result';
import { KEPT_VERDICTS } from '@sekimori/store';
import { boot } from '@sekimori/testkit';
import { HostDetail } from '@sekimori/protocol';
import { Value } from 'typebox/value';
import { beforeEach, describe, expect, it } from 'vitest';
import { keptAsJson, type KeptVerdict } from '../src/attest/verdict-record.ts';
import { prune } from '../src/prune.ts';
import { crypto } from './support/authority.ts';
import { aBench, sqliteBench } from './support/bench.ts';
import { aMachine, attest, bytes, evidenceFor, goodHost, shown } from './support/host.ts';

const machine = await aMachine();
beforeEach(() => machine.boot(boot('uki-snakeoil')));

const EV_NO_ACTION = 3;
const EV_IPL = 0x0d;

/** The recorded boot with one more event before ExitBootServices. */
function bootWith(pcr: number, type: number, data: Uint8Array, measured = data): Uint8Array {
  const recorded = boot('uki-snakeoil');
  const { events, header } = expectOk(parseEventLog(recorded));
  const exit = events.find((event) => event.pcr === 5 && toHex(event.data).startsWith(toHex(utf8('Exit Boot'))));
  const digests = (header?.algorithms ?? []).flatMap(({ id, name }) => [
    le(id, 2),
    crypto.hash(name as 'sha256', measured),
  ]);
  const count = le(digests.length / 2, 4);
  const event = concat(le(pcr, 4), le(type, 4), count, ...digests, le(data.length, 4), data);
  return concat(recorded.subarray(0, exit?.offset), event, recorded.subarray(exit?.offset ?? 0));
}

const le = (value: number, size: number) => Uint8Array.from({ length: size }, (_, at) => value >>> (8 * at));

function utf16(text: string): Uint8Array {
  return concat(...Array.from({ length: text.length }, (_, at) => le(text.charCodeAt(at), 2)));
}

describe('authentic evidence is judged and on record, whatever its log says', () => {
  it.each([
    ['characters outside the BMP, cut at either half', '😀'.repeat(200)],
    ['the same, one further', `x${'😀'.repeat(200)}`],
    ['a name without end', 'a'.repeat(50_000)],
  ])('a description of %s', async (_, text) => {
    const { wire, deps, clock } = await aBench();
    const host = await goodHost(wire, machine);
    expectOk(await attest(wire, host));
    await machine.boot(bootWith(9, EV_IPL, utf16(text), utf8('evil')));
    expect(await attest(wire, host)).toMatchObject({ fault: { code: 'policy-denied' } });
    expect((await deps.store.revocations(clock.now())).hosts).toEqual([{ id: host.id, before: clock.now() }]);
    const detail = await shown(wire, host);
    expect(Value.Check(HostDetail, detail)).toBe(true);
    expect(detail.verdicts[0]).toMatchObject({ code: 'policy-denied' });
  });
  it('a fault of an event that names no PCR', async () => {
    const { wire } = await aBench();
    const host = await goodHost(wire, machine);
    const locality = concat(utf8('StartupLocality\0'), Uint8Array.of(3));
    const log = bootWith(0xffffffff, EV_NO_ACTION, locality);
    const body = await evidenceFor(wire, host);
    const outcome = await wire('attest', { body: { ...body, eventLog: toBase64Url(log) } });
    expect(outcome).toMatchObject({ fault: { subStatus: ['TcgLogVerification'] } });
    const detail = await shown(wire, host);
    expect(Value.Check(HostDetail, detail)).toBe(true);
    expect(detail.verdicts[0]?.findings[0]).toMatchObject({ code: 'log-startup-locality' });
    expect(detail.verdicts[0]?.findings[0]).not.toHaveProperty('pcr');
  });
  it('a finding that cannot be kept: a general one stands for it', () => {
    const finding = { rule: 'event-log', effect: 'refuse', subStatus: 'TcgLogVerification', detail: 'words' } as const;
    const verdict: KeptVerdict = {
      traceId: 't',
      good: false,
      code: 'policy-denied',
      subStatus: [],
      findings: [
        { ...finding, detail: 'half a pair \ud83d' },
        { ...finding, pcr: 0xffffffff },
        { ...finding, event: { index: 0.5 } },
        { ...finding, detail: 'x'.repeat(1_000_000) },
      ],
      policyVersion: 1,
      policyDigest: '00'.repeat(32),
    };
    const { findings } = keptAsJson(verdict) as unknown as KeptVerdict;
    const general = { ...finding, detail: 'a finding that cannot be kept as it is' };
    expect(findings.slice(0, 3)).toEqual([{ ...finding, detail: 'half a pair \ufffd' }, general, general]);
    expect(JSON.stringify(findings[3]).length).toBeLessThan(3000);
  });
});

describe('what is kept of evidence', () => {
  it('one log of one boot, however it was padded', async () => {
    const { wire, deps } = await aBench();
    const host = await goodHost(wire, machine);
    for (const padding of [0, 1, 4096, 500_000]) {
      const body = await evidenceFor(wire, host);
      const eventLog = toBase64Url(concat(bytes(body.eventLog), new Uint8Array(padding)));
      expectOk(await wire('attest', { body: { ...body, eventLog } }));
    }
    const digests = new Set((await shown(wire, host)).verdicts.map(({ logDigest }) => logDigest));
    const recorded = boot('uki-snakeoil');
    const log = recorded.slice(0, expectOk(parseEventLog(recorded)).length);
    expect([...digests]).toEqual([toHex(crypto.hash('sha256', log))]);
    expect(await deps.store.evidence([...digests][0]!)).toEqual(log);
  });
  it('the newest verdicts of each host', async () => {
    const { wire, deps } = await aBench();
    const host = await goodHost(wire, machine);
    for (let more = 0; more < KEPT_VERDICTS + 2; more++) expectOk(await attest(wire, host));
    expect(await deps.store.verdicts(host.id, 100)).toHaveLength(KEPT_VERDICTS);
  });
  it('what has ended goes page by page until there is none', async () => {
    const left = { challenges: 2500, certificates: 1000, hosts: 1 };
    const forget = (what: keyof typeof left) => async () => {
      const some = Math.min(left[what], 1000);
      left[what] -= some;
      return some;
    };
    const store = {
      pruneChallenges: forget('challenges'),
      pruneCertificates: forget('certificates'),
      prunePendingHosts: forget('hosts'),
    };
    await prune(store, { at: new Date(0), pendingSeconds: 1 });
    expect(left).toEqual({ challenges: 0, certificates: 0, hosts: 0 });
    left.challenges = 5000;
    await prune(store, { at: new Date(0), pendingSeconds: 1 }, AbortSignal.abort());
    expect(left.challenges).toBe(5000);
  });
  it('certificates until they have ended', async () => {
    const { wire, deps, clock } = await sqliteBench();
    const host = await goodHost(wire, machine);
    expectOk(await attest(wire, host));
    const serial = (await deps.store.verdicts(host.id, 1))[0]?.certificateSerial ?? '';
    await prune(deps.store, { at: clock.now(), pendingSeconds: 3600 });
    expect(await deps.store.certificateStatus(serial)).toBe('good');
    clock.advance(9 * 3_600_000);
    await prune(deps.store, { at: clock.now(), pendingSeconds: 3600 });
    expect(await deps.store.certificateStatus(serial)).toBe('unknown');
  });
});
