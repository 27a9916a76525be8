import { toBase64Url } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { boot, createServerCa } from '@sekimori/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { crypto } from './support/authority.ts';
import { aBench, anotherNode } from './support/bench.ts';
import { activeHost, aMachine, attest, capture, enrolRequest, goodHost, shown, trustVendor } from './support/host.ts';

const machine = await aMachine();
beforeEach(() => machine.boot(boot('uki-snakeoil')));

describe('what tightens ends what was certified before', () => {
  it('by itself: the answer says until when', async () => {
    const { wire, clock, deps } = await aBench();
    const host = await goodHost(wire, machine);
    const { notAfter } = expectOk(await attest(wire, host));
    const [baseline] = expectOk(await wire('listBaselines')).baselines;
    const retired = expectOk(await wire('retireBaseline', { params: { id: baseline!.id }, body: {} }));
    expect(retired).toMatchObject({ state: 'retired', certificatesUntil: notAfter });
    expect(retired.denyIssuedBefore).toBeUndefined();
    expect((await deps.store.revocations(clock.now())).denyIssuedBefore).toBeNull();
  });
  it('or at once, with the baseline retired first', async () => {
    const bench = await aBench();
    const { wire, clock, deps } = bench;
    const host = await goodHost(wire, machine);
    expectOk(await attest(wire, host));
    clock.advance(1000);
    const [baseline] = expectOk(await wire('listBaselines')).baselines;
    const order: string[] = [];
    const { store } = deps;
    const watched = anotherNode(bench, {
      ...store,
      retireBaseline: async (command) => (order.push('retire'), store.retireBaseline(command)),
      denyIssuedBefore: async (command) => (order.push('deny'), store.denyIssuedBefore(command)),
    });
    const body = { applyNow: true };
    const retired = expectOk(await watched.wire('retireBaseline', { params: { id: baseline!.id }, body }));
    expect(order).toEqual(['retire', 'deny']);
    expect(retired.denyIssuedBefore).toBe(clock.now().toISOString());
    expect((await store.revocations(clock.now())).denyIssuedBefore).toEqual(clock.now());
    // a second time is good, and so is another node whose clock is behind
    clock.advance(-500);
    expect(expectOk(await wire('applyPolicyNow')).denyIssuedBefore).toBe(retired.denyIssuedBefore);
    const { kind, actor } = (await store.auditEntries({ after: 0, limit: 1000 })).at(-1)!;
    expect([kind, actor]).toEqual(['policy.applied-now', 'administrator:alice']);
  });
  it('a baseline that is none ends nothing', async () => {
    const { wire, clock, deps } = await aBench();
    const params = { id: '6a3e8f0e-8f7b-4a52-9f5a-0d6a0b3f1c2d' };
    expect(await wire('retireBaseline', { params, body: { applyNow: true } })).toMatchObject({
      fault: { code: 'unknown-baseline' },
    });
    expect((await deps.store.revocations(clock.now())).denyIssuedBefore).toBeNull();
  });
});

describe('the attestation policy', () => {
  it('asks for Secure Boot, until an administrator says otherwise by the long name', async () => {
    const { wire, clock } = await aBench();
    await machine.boot(boot('uki-plain'));
    const host = await goodHost(wire, machine);
    expect(await attest(wire, host)).toMatchObject({ fault: { subStatus: ['SecureBoot'] } });
    const before = expectOk(await wire('showPolicy'));
    expect(before).toMatchObject({ secureBoot: 'required', fullBoot: true });
    const weaker = { expectedVersion: before.version, secureBoot: 'not-required' } as const;
    expect(await wire('setPolicy', { body: weaker })).toMatchObject({ fault: { code: 'policy-weakened' } });
    const weakened = expectOk(await wire('setPolicy', { body: { ...weaker, insecureSecureBootNotRequired: true } }));
    expect(weakened).toMatchObject({ version: before.version + 1, secureBoot: 'not-required' });
    expectOk(await attest(wire, host));

    clock.advance(1000);
    const tighter = { expectedVersion: weakened.version, secureBoot: 'required', applyNow: true } as const;
    const tightened = expectOk(await wire('setPolicy', { body: tighter }));
    expect(tightened).toMatchObject({ secureBoot: 'required', denyIssuedBefore: clock.now().toISOString() });
    expect(await attest(wire, host)).toMatchObject({ fault: { subStatus: ['SecureBoot'] } });
    expect(await wire('setPolicy', { body: tighter })).toMatchObject({ fault: { code: 'policy-changed' } });
  });
});

describe('a baseline is the boot that was reviewed', () => {
  it('also when the host has booted something else since', async () => {
    const { wire } = await aBench();
    const host = await activeHost(wire, machine);
    await attest(wire, host);
    const [reviewed] = (await shown(wire, host)).verdicts;
    await machine.boot(boot('uki-snakeoil-initrd-changed'));
    await attest(wire, host);
    const [other] = (await shown(wire, host)).verdicts;
    expect(other!.traceId).not.toBe(reviewed!.traceId);
    expect(other!.pcrs).not.toEqual(reviewed!.pcrs);
    const captured = expectOk(await capture(wire, host, 'reviewed', reviewed!.traceId));
    expect(reviewed!.pcrs).toEqual(expect.arrayContaining([...captured.pcrs]));
    expect(await attest(wire, host)).toMatchObject({ fault: { code: 'policy-denied' } });
    await machine.boot(boot('uki-snakeoil'));
    expectOk(await attest(wire, host));
  });
  it('evidence-changed: a verdict that is none of this host', async () => {
    const { wire } = await aBench();
    const host = await activeHost(wire, machine);
    await attest(wire, host);
    const another = await aMachine();
    const stranger = await activeHost(wire, another, 'node2');
    await attest(wire, stranger);
    const [theirs] = (await shown(wire, stranger)).verdicts;
    for (const traceId of [theirs!.traceId, 'none'])
      expect(await capture(wire, host, 'b', traceId)).toMatchObject({ fault: { code: 'evidence-changed' } });
  });
});

describe('a root of TPMs', () => {
  const refused = { fault: { code: 'endorsement-key-refused', subStatus: ['ek-certificate-manufacturer'] } };

  it('vouches for software TPMs only where it was added as insecure', async () => {
    const { wire } = await aBench();
    await trustVendor(wire, machine, false);
    const body = await enrolRequest(machine);
    expect(await wire('enrolHost', { body })).toMatchObject(refused);
    const [root] = expectOk(await wire('listTpmRoots')).roots;
    expectOk(await wire('removeTpmRoot', { params: { fingerprint: root!.fingerprint } }));
    await trustVendor(wire, machine);
    expectOk(await wire('enrolHost', { body }));
  });
  it('vouches for the manufacturers it was restricted to and no other', async () => {
    const { wire } = await aBench();
    const certificate = toBase64Url(machine.vendorCa.certificate.der);
    const add = (manufacturers: string[], insecureSoftwareTpm: boolean) =>
      wire('addTpmRoot', { body: { certificate, vendor: 'v', insecureSoftwareTpm, manufacturers } });
    for (const id of ['53454b49', '49424d00', '4d534654'])
      expect(await add(['53544d20', id], false)).toMatchObject({ fault: { code: 'software-tpm' } });
    const { fingerprint } = expectOk(await add(['53544d20'], true));
    const body = await enrolRequest(machine);
    expect(await wire('enrolHost', { body })).toMatchObject(refused);
    expectOk(await wire('removeTpmRoot', { params: { fingerprint } }));
    expectOk(await add(['53454b49'], true));
    expectOk(await wire('enrolHost', { body }));
  });
  it('is removed; who was enrolled through it stays', async () => {
    const { wire } = await aBench();
    const host = await goodHost(wire, machine);
    const [root] = expectOk(await wire('listTpmRoots')).roots;
    const params = { fingerprint: root!.fingerprint };
    expectOk(await wire('removeTpmRoot', { params }));
    expect(await wire('removeTpmRoot', { params })).toMatchObject({ fault: { code: 'unknown-tpm-root' } });
    expectOk(await attest(wire, host));
    const body = await enrolRequest(await aMachine(), 'node2');
    expect(await wire('enrolHost', { body })).toMatchObject({ fault: { code: 'endorsement-key-refused' } });
  });
  it('whose vendor is a name alone vouches for known makers of hardware', async () => {
    const { wire } = await aBench();
    const { certificate } = await createServerCa(crypto);
    const body = { certificate: toBase64Url(certificate.der), vendor: 'Infineon' };
    expect(expectOk(await wire('addTpmRoot', { body })).manufacturers).toBeUndefined();
  });
});
