import { toBase64Url } from '@sekimori/bytes';
import { decode, encode } from '@sekimori/codec';
import type { EnrolRequest } from '@sekimori/protocol';
import { activationProof } from '@sekimori/quote-verifier';
import { expectOk } from '@sekimori/result';
import { boot, createForger, virtualHost, type VirtualHost } from '@sekimori/testkit';
import { EK_POLICY_A, openEndorsementKey, publicArea, TPM2B_PUBLIC } from '@sekimori/tpm2';
import { describe, expect, it } from 'vitest';
import { prune } from '../src/prune.ts';
import { crypto } from './support/authority.ts';
import { aBench, sqliteBench } from './support/bench.ts';
import {
  activeHost,
  aMachine,
  approvedHost,
  attest,
  bytes,
  enrolRequest,
  fingerprintOf,
  openActivation,
  proofOf,
  secretsOf,
  trustVendor,
} from './support/host.ts';
import type { Wire } from './support/wire.ts';

const machine = await aMachine();
const otherMachine = await virtualHost({ crypto, boot: boot('uki-snakeoil'), vendorCa: machine.vendorCa });
const failed = { fault: { code: 'activation-failed' } };

/** With its RSA and its P-384 endorsement key, as a guarded host sends them. */
async function twoKeys(of: VirtualHost, name = 'node1'): Promise<EnrolRequest> {
  const request = await enrolRequest(of, name);
  const { tpm2bPublic, certificate } = await second(of);
  const key = { public: toBase64Url(tpm2bPublic), certificate: toBase64Url(certificate) };
  return { ...request, endorsementKeys: [...request.endorsementKeys, key] };
}

async function second(of: VirtualHost) {
  return expectOk(await openEndorsementKey(of.tpm, 'ecc-p384'));
}

async function enrolled(wire: Wire, body: EnrolRequest) {
  return expectOk(await wire('enrolHost', { body }));
}

const approve = (wire: Wire, id: string, ekFingerprint: string) =>
  wire('approveHost', { params: { id }, body: { ekFingerprint } });
const complete = (wire: Wire, id: string, proof: Uint8Array) =>
  wire('completeActivation', { params: { id }, body: { proof: toBase64Url(proof) } });

describe('whoever asks first keeps nothing from the owner', () => {
  it('neither key nor name; approving the owner forgets those who wait with its key', async () => {
    const { wire } = await sqliteBench();
    await trustVendor(wire, machine);
    const squat = await enrolled(wire, await enrolRequest(machine, 'attacker'));
    const named = await enrolled(wire, await enrolRequest(otherMachine));
    const genuine = await enrolled(wire, await enrolRequest(machine));
    expect(genuine.state).toBe('pending');
    expectOk(await approve(wire, genuine.id, await fingerprintOf(machine)));
    expect(await wire('hostStatus', { params: { id: squat.id } })).toMatchObject({ fault: { code: 'unknown-host' } });
    expect(await approve(wire, named.id, await fingerprintOf(otherMachine))).toMatchObject({
      fault: { code: 'duplicate-name' },
    });
  });
  it('nor when an administrator revoked the squatter first', async () => {
    const { wire } = await aBench();
    await trustVendor(wire, machine);
    const { id } = await enrolled(wire, await enrolRequest(machine));
    expectOk(await wire('revokeHost', { params: { id }, body: { reason: 'squat' } }));
    await activeHost(wire, machine);
  });
  it('with another public area for the same key', async () => {
    const { wire, deps } = await aBench();
    await trustVendor(wire, machine);
    const request = await enrolRequest(machine);
    const [key] = request.endorsementKeys as [EnrolRequest['endorsementKeys'][number]];
    const area = expectOk(decode(TPM2B_PUBLIC, bytes(key.public)));
    const other = publicArea({ ...area.value, nameAlg: 'sha384', authPolicy: EK_POLICY_A.sha384 });
    const poisoned = { ...key, public: toBase64Url(encode(TPM2B_PUBLIC, other)) };
    const squat = await enrolled(wire, { ...request, endorsementKeys: [poisoned] });
    const genuine = await enrolled(wire, request);
    expect(genuine.id).not.toBe(squat.id);
    expect(toBase64Url((await deps.store.host(genuine.id))!.endorsementKeys[0].public)).toBe(key.public);
    await activeHost(wire, machine);
    expect(await wire('enrolHost', { body: { ...request, endorsementKeys: [poisoned] } })).toMatchObject({
      fault: { code: 'duplicate-ek' },
    });
  });
  it('by naming its key second: what is not proven is not bound', async () => {
    const { wire } = await sqliteBench();
    await trustVendor(wire, machine);
    const [own, victims] = [await enrolRequest(machine, 'attacker'), await enrolRequest(otherMachine, 'victim')];
    const both = { ...own, endorsementKeys: [...own.endorsementKeys, ...victims.endorsementKeys] };
    const { id } = await enrolled(wire, both);
    expectOk(await approve(wire, id, await fingerprintOf(machine)));
    const opened = await openActivation(wire, machine, id);
    expect(opened.credentials).toHaveLength(2);
    expect(await complete(wire, opened.activationId, await proofOf(machine, id, opened))).toMatchObject(failed);
    await activeHost(wire, otherMachine, 'victim');
    expect(expectOk(await wire('hostStatus', { params: { id } })).state).toBe('approved');
  });
  it('by asking often: the oldest who wait give way, and all end after a day', async () => {
    const { wire, deps, clock } = await sqliteBench({ settings: { maxPendingHosts: 3 } });
    await trustVendor(wire, machine);
    for (let n = 0; n < 5; n++) {
      clock.advance(1000);
      await enrolled(wire, await enrolRequest(otherMachine, `flood${n}`));
    }
    clock.advance(1000);
    const { id } = await enrolled(wire, await enrolRequest(machine));
    const names = async () =>
      expectOk(await wire('listHosts', { query: {} }))
        .hosts.map(({ name }) => name)
        .toSorted();
    expect(await names()).toEqual(['flood3', 'flood4', 'node1']);
    expect((await enrolled(wire, await enrolRequest(machine))).id).toBe(id);
    expect(expectOk(await wire('listAudit', { query: {} })).entries.filter(({ actor }) => actor === 'anyone')).toEqual(
      [],
    );
    const { pendingSeconds } = deps.settings;
    clock.advance(1000 * pendingSeconds);
    await prune(deps.store, { at: clock.now(), pendingSeconds });
    expect(await names()).toEqual(['node1']);
    clock.advance(1000);
    await prune(deps.store, { at: clock.now(), pendingSeconds });
    expect(await names()).toEqual([]);
  });
});

describe('credential activation proves every endorsement key', () => {
  it('by all secrets in order, and binds them then', async () => {
    const { wire } = await sqliteBench();
    await trustVendor(wire, machine);
    const { id } = await enrolled(wire, await twoKeys(machine));
    expectOk(await approve(wire, id, await fingerprintOf(machine)));
    const keys = [await machine.endorsementKey(), await second(machine)];
    const { name } = await machine.attestationKey();
    const onlySecond = {
      ...(await twoKeys(machine, 'b')),
      endorsementKeys: [(await twoKeys(machine)).endorsementKeys[1]!],
    };
    const waiting = await enrolled(wire, onlySecond);
    for (const choose of [
      ([a]: readonly string[]) => [a!],
      ([, b]: readonly string[]) => [b!],
      ([a, b]: readonly string[]) => [b!, a!],
    ]) {
      const opened = await openActivation(wire, machine, id);
      const secrets = await secretsOf(machine, opened, keys);
      const [first, ...others] = choose(['0', '1']).map((at) => secrets[Number(at)]!);
      const proof = activationProof(crypto, [first!, ...others], id, name);
      expect(await complete(wire, opened.activationId, proof)).toMatchObject(failed);
    }
    const opened = await openActivation(wire, machine, id);
    const [first, ...others] = await secretsOf(machine, opened, keys);
    expectOk(await complete(wire, opened.activationId, activationProof(crypto, [first!, ...others], id, name)));
    expect(await wire('hostStatus', { params: { id: waiting.id } })).toMatchObject({ fault: { code: 'unknown-host' } });
    expect(await wire('enrolHost', { body: onlySecond })).toMatchObject({ fault: { code: 'duplicate-ek' } });
    for (const key of keys) await key.release();
  });
});

describe("a stranger's activations", () => {
  it('neither replace those of the host nor fill the audit log', async () => {
    const { wire, clock } = await sqliteBench();
    await trustVendor(wire, machine);
    const id = await approvedHost(wire, machine);
    const own = await openActivation(wire, machine, id);
    const akPublic = toBase64Url((await createForger(crypto)).tpm2bPublic);
    for (let n = 0; n < 20; n++) {
      const { activationId } = expectOk(await wire('openActivation', { params: { id }, body: { akPublic } }));
      expect(await complete(wire, activationId, crypto.random(32))).toMatchObject(failed);
      clock.advance(100);
    }
    expectOk(await complete(wire, own.activationId, await proofOf(machine, id, own)));
    const { entries } = expectOk(await wire('listAudit', { query: {} }));
    expect(entries.filter(({ kind }) => kind === 'activation.failed')).toHaveLength(1);
  });
});

describe('an administrator removes a revoked host', () => {
  it('and its machine is enrolled, approved and proven anew', async () => {
    const { wire } = await sqliteBench();
    const host = await activeHost(wire, machine);
    const params = { id: host.id };
    expect(await wire('removeHost', { params })).toMatchObject({ fault: { code: 'host-not-revoked' } });
    expectOk(await wire('revokeHost', { params, body: { reason: 'mainboard replaced' } }));
    expect(expectOk(await wire('removeHost', { params })).state).toBe('revoked');
    expect(expectOk(await wire('listHosts', { query: {} })).hosts).toEqual([]);
    expect(expectOk(await wire('showHost', { params }))).toMatchObject({
      state: 'revoked',
      removedAt: expect.any(String) as string,
    });
    expect(await attest(wire, host).catch((error: unknown) => String(error))).toContain('host-revoked');
    const again = await activeHost(wire, machine);
    expect(again.id).not.toBe(host.id);
    const { entries } = expectOk(await wire('listAudit', { query: {} }));
    const approval = entries.find(({ kind, subject }) => kind === 'host.approved' && subject === `host:${again.id}`);
    expect(approval?.body).toEqual({ name: 'node1', endorsementKeys: [await fingerprintOf(machine)] });
    expect(entries.filter(({ kind }) => kind === 'host.removed')).toHaveLength(1);
  });
});
