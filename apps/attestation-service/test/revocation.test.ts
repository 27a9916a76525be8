import {
  HOST_HEALTH_CLAIMS,
  MAX_REVOKED_HOSTS,
  readClaims,
  type RevocationStatement,
  verifyRevocationStatement,
} from '@sekimori/health-certificate';
import { parseCertificate } from '@sekimori/pki';
import type { AttestReply } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { RevocationFeed } from '../src/revocations.ts';
import { aSigner, crypto } from './support/authority.ts';
import { aBench, anotherNode, type Bench, openStore, sqliteBench } from './support/bench.ts';
import { activeHost, aMachine, approvedHost, attest, bytes, goodHost, type Host, trustVendor } from './support/host.ts';

const [machine, otherMachine] = [await aMachine(), await aMachine()];

async function statement({ wire, deps }: Bench): Promise<RevocationStatement> {
  const { statement: jws } = expectOk(await wire('revocations'));
  const trusted = { signers: [deps.signer.key.publicKey], issuer: 'hgs.example' };
  return expectOk(verifyRevocationStatement(crypto, jws, trusted));
}

/** What is shared by all who ask within one second has gone. */
const next = (bench: Bench, asked = bench): Promise<RevocationStatement> => {
  bench.clock.advance(1000);
  return statement(asked);
};

async function serialOf({ wire }: Bench, host: Host): Promise<string> {
  const { healthCertificate } = expectOk(await attest(wire, host));
  return expectOk(parseCertificate(bytes(healthCertificate))).serial;
}

describe('security property 14: revoking a host works within seconds, on every node', () => {
  it('the next statement names the host, under a higher number', async () => {
    const bench = await sqliteBench();
    const node = anotherNode(bench, await openStore(bench.file));
    const host = await goodHost(bench.wire, machine);
    await serialOf(bench, host);
    const before = await statement(node);
    expect(before).toMatchObject({ hosts: [] });
    const revoked = await bench.wire('revokeHost', { params: { id: host.id }, body: { reason: 'stolen' } });
    expect(expectOk(revoked).state).toBe('revoked');
    const after = await next(bench, node);
    expect(after.number).toBe(before.number + 1);
    expect(after).toMatchObject({ hosts: [{ id: host.id }], at: bench.clock.now() });
    await expect(attest(node.wire, host)).rejects.toThrow('host-revoked'); // no challenge any more
  });
  it('a second time changes nothing, and a host without certificates is named too', async () => {
    const bench = await aBench();
    await trustVendor(bench.wire, machine);
    const id = await approvedHost(bench.wire, machine);
    const revoke = () => bench.wire('revokeHost', { params: { id }, body: { reason: 'mistake' } });
    const before = await statement(bench);
    expectOk(await revoke());
    const after = await next(bench);
    expect([after.number, after.hosts]).toEqual([before.number + 1, [{ id }]]);
    const head = await bench.deps.store.auditHead();
    expectOk(await revoke());
    expect(await next(bench)).toEqual({ ...after, at: bench.clock.now() });
    expect(await bench.deps.store.auditHead()).toEqual(head);
    const unknown = await bench.wire('revokeHost', {
      params: { id: '6a3e8f0e-8f7b-4a52-9f5a-0d6a0b3f1c2d' },
      body: { reason: 'x' },
    });
    expect(unknown).toMatchObject({ fault: { code: 'unknown-host' } });
  });
  it('only that host', async () => {
    const bench = await aBench();
    const [host, other] = [await goodHost(bench.wire, machine), await activeHost(bench.wire, otherMachine, 'node2')];
    const serial = await serialOf(bench, other);
    expectOk(await bench.wire('revokeHost', { params: { id: host.id }, body: { reason: 'gone' } }));
    expect((await statement(bench)).hosts).toEqual([{ id: host.id }]);
    expect(await bench.deps.store.certificateStatus(serial)).toBe('good');
    expectOk(await attest(bench.wire, other));
  });
  it('a statement is dated, and signed by the attestation signer', async () => {
    const bench = await aBench();
    const { statement: jws } = expectOk(await bench.wire('revocations'));
    const stranger = await aSigner();
    expect(
      verifyRevocationStatement(crypto, jws, { signers: [stranger.key.publicKey], issuer: 'hgs.example' }),
    ).toMatchObject({ fault: { code: 'revocations-untrusted' } });
    bench.clock.advance(5000);
    expect((await statement(bench)).at).toEqual(bench.clock.now());
  });
});

describe('a refused host', () => {
  it('is one entry, however many certificates it had, until the last of them has expired', async () => {
    const bench = await aBench();
    const host = await goodHost(bench.wire, machine);
    for (let more = 0; more < 5; more++) await serialOf(bench, host);
    bench.clock.advance(1000);
    expect((await attest(bench.wire, host, 'certify-changed')).ok).toBe(false);
    const before = bench.clock.now();
    const hosts = [{ id: host.id, before }];
    expect((await statement(bench)).hosts).toEqual(hosts);
    bench.clock.advance(1);
    expect(evidenceTimeOf(expectOk(await attest(bench.wire, host)))).toBeGreaterThan(before.getTime()); // trusted again
    bench.clock.advance(8 * 3_600_000 + 598_998);
    expect((await statement(bench)).hosts).toEqual(hosts);
    expect((await next(bench)).hosts).toEqual([]);
  });
});

describe('the feed', () => {
  it('signs once for all who ask at the same time and within a second', async () => {
    const { deps, clock } = await aBench();
    let read = 0;
    const store = { ...deps.store, revocations: (at: Date) => (read++, deps.store.revocations(at)) };
    const feed = new RevocationFeed({ ...deps, store });
    const [one, ...others] = await Promise.all([feed.statement(), feed.statement(), feed.statement()]);
    clock.advance(999);
    expect(new Set([...others, await feed.statement()])).toEqual(new Set([one]));
    expect(read).toBe(1);
    clock.advance(1);
    expect(await feed.statement()).not.toBe(one);
    clock.advance(-1); // a clock that was set back: the statement must not be from the future
    await feed.statement();
    expect(read).toBe(3);
  });
  it('of more hosts than a statement may name is none, and the service says so until it is one again', async () => {
    const { deps, clock } = await aBench();
    const id = '6a3e8f0e-8f7b-4a52-9f5a-0d6a0b3f1c2d';
    let hosts = Array.from({ length: MAX_REVOKED_HOSTS + 1 }, () => ({ id, before: null }));
    const store = { ...deps.store, revocations: async () => ({ number: 1, hosts, denyIssuedBefore: null }) };
    const feed = new RevocationFeed({ ...deps, store });
    expect(feed.trouble).toBeUndefined();
    await expect(feed.statement()).rejects.toThrow(RangeError);
    expect(feed.trouble).toMatchObject({ code: 'not-ready', detail: expect.stringContaining('at most') });
    hosts = [];
    clock.advance(1000);
    await feed.statement();
    expect(feed.trouble).toBeUndefined();
  });
});

function evidenceTimeOf({ healthCertificate }: AttestReply): number {
  const { extensions } = expectOk(parseCertificate(bytes(healthCertificate)));
  return expectOk(readClaims(extensions.all.get(HOST_HEALTH_CLAIMS)!.value)).evidenceTime.getTime();
}
