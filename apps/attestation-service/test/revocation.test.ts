import { type RevocationStatement, verifyRevocationStatement } from '@sekimori/health-certificate';
import { parseCertificate } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { aSigner, crypto } from './support/authority.ts';
import { aBench, anotherNode, type Bench, openStore, sqliteBench } from './support/bench.ts';
import { activeHost, aMachine, approvedHost, attest, bytes, goodHost, type Host, trustVendor } from './support/host.ts';

const [machine, otherMachine] = [await aMachine(), await aMachine()];

async function statement({ wire, deps }: Bench): Promise<RevocationStatement> {
  const { statement: jws } = expectOk(await wire('revocations'));
  const trusted = { signers: [deps.signer.key.publicKey], issuer: 'hgs.example' };
  return expectOk(verifyRevocationStatement(crypto, jws, trusted));
}

async function serialOf({ wire }: Bench, host: Host): Promise<string> {
  const { healthCertificate } = expectOk(await attest(wire, host));
  return expectOk(parseCertificate(bytes(healthCertificate))).serial;
}

describe('security property 14: revoking a host works within seconds, on every node', () => {
  it('the next statement names the host and its certificates, under a higher number', async () => {
    const bench = await sqliteBench();
    const node = anotherNode(bench, await openStore(bench.file));
    const host = await goodHost(bench.wire, machine);
    const serials = [await serialOf(bench, host), await serialOf(bench, host)];
    const before = await statement(node);
    expect(before).toMatchObject({ serials: [], hosts: [] });
    const revoked = await bench.wire('revokeHost', { params: { id: host.id }, body: { reason: 'stolen' } });
    expect(expectOk(revoked).state).toBe('revoked');
    const after = await statement(node);
    expect(after.number).toBe(before.number + 1);
    expect(after).toMatchObject({ hosts: [host.id], serials: serials.toSorted(), at: bench.clock.now() });
    await expect(attest(node.wire, host)).rejects.toThrow('host-revoked'); // no challenge any more
  });
  it('a second time changes nothing, and a host without certificates is named too', async () => {
    const bench = await aBench();
    await trustVendor(bench.wire, machine);
    const id = await approvedHost(bench.wire, machine);
    const revoke = () => bench.wire('revokeHost', { params: { id }, body: { reason: 'mistake' } });
    const before = await statement(bench);
    expectOk(await revoke());
    const after = await statement(bench);
    expect([after.number, after.hosts]).toEqual([before.number + 1, [id]]);
    const head = await bench.deps.store.auditHead();
    expectOk(await revoke());
    expect(await statement(bench)).toEqual(after);
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
    expect((await statement(bench)).serials).not.toContain(serial);
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
  it('a certificate that has expired by itself leaves the statement, after a grace', async () => {
    const bench = await aBench();
    const host = await goodHost(bench.wire, machine);
    const serial = await serialOf(bench, host);
    expectOk(await bench.wire('revokeHost', { params: { id: host.id }, body: { reason: 'gone' } }));
    bench.clock.advance(8 * 3_600_000);
    expect((await statement(bench)).serials).toEqual([serial]);
    bench.clock.advance(600_000);
    expect(await statement(bench)).toMatchObject({ serials: [], hosts: [host.id] });
  });
});
