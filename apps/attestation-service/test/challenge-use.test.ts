import { dumpDatabase } from '@sekimori/testkit';
import { toBase64Url } from '@sekimori/bytes';
import { Secret } from '@sekimori/crypto-core';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { crypto } from './support/authority.ts';
import { aBench, anotherNode, openStore, sqliteBench } from './support/bench.ts';
import {
  capture,
  aChallenge,
  activeHost,
  aMachine,
  approvedHost,
  bytes,
  enrolRequest,
  evidenceFor,
  goodHost,
  trustVendor,
} from './support/host.ts';

const [machine, otherMachine] = [await aMachine(), await aMachine()];
const refused = { fault: { code: 'challenge-refused' } };
const used = { fault: { code: 'challenge-used' } };

describe('security property 3: a challenge is random, single use, bound to host, service and keys, and expires', () => {
  it('asking writes nothing', async () => {
    const bench = await sqliteBench();
    const host = await goodHost(bench.wire, machine);
    const before = dumpDatabase(bench.file);
    const challenges = new Set<string>();
    for (let asked = 0; asked < 20; asked++) challenges.add(await aChallenge(bench.wire, host));
    expect(challenges.size).toBe(20);
    expect(dumpDatabase(bench.file)).toBe(before);
  });
  it('is good once, one after the other', async () => {
    const { wire } = await aBench();
    const body = await evidenceFor(wire, await goodHost(wire, machine));
    expectOk(await wire('attest', { body }));
    expect(await wire('attest', { body })).toMatchObject(used);
  });
  it('is good once, for two nodes on one database at the same moment', async () => {
    const bench = await sqliteBench();
    const host = await goodHost(bench.wire, machine);
    const nodes = [bench, anotherNode(bench, await openStore(bench.file)), anotherNode(bench)];
    const body = await evidenceFor(bench.wire, host);
    const before = (await bench.deps.store.verdicts(host.id, 100)).length;
    const outcomes = await Promise.all(Array.from({ length: 9 }, (_, at) => nodes[at % 3]!.wire('attest', { body })));
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
    const others = new Set(outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.fault.code])));
    // of those that meet on one node, one is looked at
    expect([...others].toSorted()).toEqual(['challenge-used', 'too-many-requests']);
    expect(await bench.deps.store.verdicts(host.id, 100)).toHaveLength(before + 1);
  });
  it('that was used is told at once, before the evidence is looked at', async () => {
    const bench = await aBench();
    const body = await evidenceFor(bench.wire, await goodHost(bench.wire, machine));
    expectOk(await bench.wire('attest', { body }));
    const policyVersion = () => Promise.reject(new Error('the policy was asked'));
    const node = anotherNode(bench, { ...bench.deps.store, policyVersion });
    const unsigned = { ...body, quote: { ...body.quote, signature: body.certify.signature } };
    for (const again of [body, unsigned]) expect(await node.wire('attest', { body: again })).toMatchObject(used);
  });
  it('of one host is looked at one at a time, and nobody else can be in its way', async () => {
    const { wire } = await aBench();
    const host = await goodHost(wire, machine);
    const [one, two] = [await evidenceFor(wire, host), await evidenceFor(wire, host)];
    const rubbish = { ...two, quote: { ...two.quote, signature: two.certify.signature } };
    const [unsigned, first, second] = await Promise.all([rubbish, one, two].map((body) => wire('attest', { body })));
    expect(unsigned).toMatchObject({ fault: { code: 'evidence-refused' } });
    expectOk(first!);
    expect(second).toMatchObject({ fault: { code: 'too-many-requests' } });
    expectOk(await wire('attest', { body: two })); // it was not used up
  });
  it('says itself when it was made: a changed setting does not change what it certifies', async () => {
    const bench = await aBench({ settings: { challengeSeconds: 600 } });
    const body = await evidenceFor(bench.wire, await goodHost(bench.wire, machine));
    const madeAt = bench.clock.now().getTime();
    bench.clock.advance(60_000);
    const { settings } = bench.deps;
    const node = anotherNode({ ...bench, deps: { ...bench.deps, settings: { ...settings, challengeSeconds: 60 } } });
    const { notAfter } = expectOk(await node.wire('attest', { body }));
    expect(Date.parse(notAfter) - madeAt).toBe(1000 * settings.certificateSeconds);
  });
  it('is good once also for a refusal', async () => {
    const { wire } = await aBench();
    const host = await activeHost(wire, machine);
    const body = await evidenceFor(wire, host);
    expect(await wire('attest', { body })).toMatchObject({ fault: { code: 'policy-denied' } });
    expectOk(await capture(wire, host, 'late'));
    expect(await wire('attest', { body })).toMatchObject(used);
  });
  it('ends, and stays used long after that', async () => {
    const { wire, clock, deps } = await aBench();
    const host = await goodHost(wire, machine);
    const [spent, late] = [await evidenceFor(wire, host), await evidenceFor(wire, host)];
    clock.advance(119_999);
    expectOk(await wire('attest', { body: spent }));
    clock.advance(1);
    expect(await wire('attest', { body: late })).toMatchObject(refused);
    expect(await wire('attest', { body: spent })).toMatchObject(refused);
    expect(await deps.store.pruneChallenges({ at: clock.now(), limit: 100 })).toBe(0);
    clock.advance(-60_000); // another node, whose clock is behind
    expect(await wire('attest', { body: spent })).toMatchObject(used);
  });
  it('is for one host', async () => {
    const bench = await sqliteBench();
    const [host, other] = [await goodHost(bench.wire, machine), await activeHost(bench.wire, otherMachine, 'node2')];
    const challenge = await aChallenge(bench.wire, other);
    const body = await evidenceFor(bench.wire, host, { challenge });
    const before = dumpDatabase(bench.file);
    expect(await bench.wire('attest', { body })).toMatchObject(refused);
    expect(await bench.wire('attest', { body: { ...body, hostId: other.id } })).toMatchObject({
      fault: { code: 'evidence-refused', subStatus: ['quote-signature'] },
    });
    expect(dumpDatabase(bench.file)).toBe(before);
  });
  it('is for one service, and made with its key alone', async () => {
    const bench = await aBench();
    const host = await goodHost(bench.wire, machine);
    const { challengeKey } = bench.deps;
    const body = await evidenceFor(bench.wire, host);
    const other = anotherNode({
      ...bench,
      deps: { ...bench.deps, challengeKey: { ...challengeKey, serviceId: 'other' } },
    });
    expect(await other.wire('attest', { body })).toMatchObject(refused);
    const macKey = new Secret(crypto.random(32));
    const forger = anotherNode({ ...bench, deps: { ...bench.deps, challengeKey: { ...challengeKey, macKey } } });
    const forged = await evidenceFor(forger.wire, host);
    expect(await bench.wire('attest', { body: forged })).toMatchObject(refused);
  });
  it('holds no byte that could be changed', async () => {
    const { wire } = await aBench();
    const host = await goodHost(wire, machine);
    const good = bytes(await aChallenge(wire, host));
    for (const at of [0, 1, 32, 33, 40, 41, 48, 49, 64, 65, 96]) {
      const changed = Uint8Array.from(good);
      changed[at]! ^= 0x80;
      const body = await evidenceFor(wire, host, { challenge: toBase64Url(changed) });
      expect({ at, ...(await wire('attest', { body })) }).toMatchObject({ at, ...refused });
    }
  });
  it('is given to active hosts alone', async () => {
    const { wire } = await aBench();
    const ask = (hostId: string) => wire('challenge', { body: { hostId } });
    expect(await ask('6a3e8f0e-8f7b-4a52-9f5a-0d6a0b3f1c2d')).toMatchObject({ fault: { code: 'unknown-host' } });
    await trustVendor(wire, machine);
    const { id } = expectOk(await wire('enrolHost', { body: await enrolRequest(machine) }));
    expect(await ask(id)).toMatchObject({ fault: { code: 'host-not-approved' } });
    await approvedHost(wire, machine);
    expect(await ask(id)).toMatchObject({ fault: { code: 'host-not-active' } });
    expectOk(await wire('revokeHost', { params: { id }, body: { reason: 'gone' } }));
    expect(await ask(id)).toMatchObject({ fault: { code: 'host-revoked' } });
  });
});
