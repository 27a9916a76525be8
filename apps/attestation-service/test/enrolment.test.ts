import { toBase64Url, toHex } from '@sekimori/bytes';
import type { EnrolRequest } from '@sekimori/protocol';
import { activationProof } from '@sekimori/quote-verifier';
import { expectOk } from '@sekimori/result';
import { createForger, createServerCa, dumpDatabase } from '@sekimori/testkit';
import { createAttestationKey } from '@sekimori/tpm2';
import { describe, expect, it } from 'vitest';
import { crypto } from './support/authority.ts';
import { aBench, anotherNode, openStore, sqliteBench } from './support/bench.ts';
import {
  activeHost,
  aMachine,
  approvedHost,
  enrolRequest,
  fingerprintOf,
  openActivation,
  proofOf,
  secretOf,
  trustVendor,
} from './support/host.ts';
import type { Wire } from './support/wire.ts';

const [machine, otherMachine] = [await aMachine(), await aMachine()];
const UNKNOWN = '6a3e8f0e-8f7b-4a52-9f5a-0d6a0b3f1c2d';
const complete = (wire: Wire, id: string, proof: Uint8Array) =>
  wire('completeActivation', { params: { id }, body: { proof: toBase64Url(proof) } });
const failed = { fault: { code: 'activation-failed' } };

describe('enrolment: an endorsement key with a certificate of a trusted vendor', () => {
  async function refusal(change: (request: EnrolRequest) => EnrolRequest) {
    const bench = await sqliteBench();
    await trustVendor(bench.wire, machine);
    const before = dumpDatabase(bench.file);
    const outcome = await bench.wire('enrolHost', { body: change(await enrolRequest(machine)) });
    expect(dumpDatabase(bench.file)).toBe(before);
    return outcome.ok ? outcome : outcome.fault.subStatus;
  }
  const withKey = (key: Partial<EnrolRequest['endorsementKeys'][number]>) => (request: EnrolRequest) => ({
    ...request,
    endorsementKeys: [{ ...request.endorsementKeys[0]!, ...key }],
  });

  it('of no vendor that is trusted: an empty list trusts nothing', async () => {
    const { wire } = await aBench();
    expect(await wire('enrolHost', { body: await enrolRequest(machine) })).toMatchObject({
      fault: { code: 'endorsement-key-refused', subStatus: ['ek-certificate-untrusted'] },
    });
  });
  it('of another vendor', async () => {
    const { tpm2bPublic, certificate } = await otherMachine.endorsementKey();
    const stranger = { public: toBase64Url(tpm2bPublic), certificate: toBase64Url(certificate) };
    expect(await refusal(withKey(stranger))).toEqual(['ek-certificate-untrusted']);
  });
  it('whose certificate is for another key', async () => {
    const other = toBase64Url((await otherMachine.endorsementKey()).tpm2bPublic);
    expect(await refusal(withKey({ public: other }))).toEqual(['ek-certificate-other-key']);
  });
  it('whose template is not that of an endorsement key', async () => {
    const attestationKey = toBase64Url((await machine.attestationKey()).tpm2bPublic);
    expect(await refusal(withKey({ public: attestationKey }))).toEqual(['endorsement-key-attributes']);
  });
  it('whose certificate was changed', async () => {
    const { certificate } = await machine.endorsementKey();
    const changed = Uint8Array.from(certificate);
    changed[changed.length - 1]! ^= 1;
    expect(await refusal(withKey({ certificate: toBase64Url(changed) }))).toEqual(['ek-certificate-untrusted']);
    const cut = toBase64Url(certificate.subarray(0, -1));
    expect(await refusal(withKey({ certificate: cut }))).toEqual(['certificate-malformed']);
  });
  it('a CA that came with the request is no root', async () => {
    const { certificate } = await createServerCa(crypto);
    const intermediates = [toBase64Url(certificate.der)];
    const { tpm2bPublic, certificate: of } = await otherMachine.endorsementKey();
    const keys = [{ public: toBase64Url(tpm2bPublic), certificate: toBase64Url(of) }];
    const vendor = toBase64Url(otherMachine.vendorCa.certificate.der);
    const change = (request: EnrolRequest) => ({
      ...request,
      endorsementKeys: keys,
      intermediates: [...intermediates, vendor],
    });
    expect(await refusal(change)).toEqual(['ek-certificate-untrusted']);
  });
});

describe('an identity row never changes hands by itself', () => {
  it('one TPM is one host: the same endorsement key under another name', async () => {
    const { wire } = await aBench();
    await activeHost(wire, machine);
    expect(await wire('enrolHost', { body: await enrolRequest(machine, 'clone') })).toMatchObject({
      fault: { code: 'duplicate-ek' },
    });
  });
  it('the same name with another TPM (CVE-2025-13609)', async () => {
    const { wire } = await aBench();
    await activeHost(wire, machine);
    await trustVendor(wire, otherMachine);
    expect(await wire('enrolHost', { body: await enrolRequest(otherMachine) })).toMatchObject({
      fault: { code: 'duplicate-name' },
    });
  });
  it('nor at the same moment on two nodes', async () => {
    const bench = await sqliteBench();
    const other = anotherNode(bench, await openStore(bench.file));
    await trustVendor(bench.wire, machine);
    const nodes = [bench, other, bench, other];
    const requests = await Promise.all(['a', 'b', 'c', 'd'].map((name) => enrolRequest(machine, name)));
    const waiting = await Promise.all(requests.map((body, at) => nodes[at]!.wire('enrolHost', { body })));
    const ekFingerprint = await fingerprintOf(machine);
    const approvals = await Promise.all(
      waiting.map((host, at) =>
        nodes[at]!.wire('approveHost', { params: { id: expectOk(host).id }, body: { ekFingerprint } }),
      ),
    );
    expect(approvals.filter(({ ok }) => ok)).toHaveLength(1);
    for (const outcome of approvals) if (!outcome.ok) expect(outcome.fault.code).toBe('unknown-host');
    expect(expectOk(await bench.wire('listHosts', { query: {} })).hosts).toHaveLength(1);
  });
  it('a revoked host is not enrolled anew', async () => {
    const { wire } = await aBench();
    const { id } = await activeHost(wire, machine);
    expectOk(await wire('revokeHost', { params: { id }, body: { reason: 'stolen' } }));
    for (const name of ['node1', 'node2'])
      expect(await wire('enrolHost', { body: await enrolRequest(machine, name) })).toMatchObject({
        fault: { code: 'duplicate-ek' },
      });
    await trustVendor(wire, otherMachine);
    expect(await wire('enrolHost', { body: await enrolRequest(otherMachine) })).toMatchObject({
      fault: { code: 'duplicate-name' },
    });
    expect(await wire('openActivation', { params: { id }, body: { akPublic: 'AAAA' } })).toMatchObject({
      fault: { code: 'host-revoked' },
    });
  });
  it('an attestation key cannot be replaced', async () => {
    const bench = await sqliteBench();
    const { id } = await activeHost(bench.wire, machine);
    const before = dumpDatabase(bench.file);
    const key = expectOk(await createAttestationKey(machine.tpm, 'rsa-2048'));
    const akPublic = toBase64Url(key.tpm2bPublic);
    await machine.tpm.flush(key.handle);
    expect(await bench.wire('openActivation', { params: { id }, body: { akPublic } })).toMatchObject({
      fault: { code: 'host-already-active' },
    });
    expect(dumpDatabase(bench.file)).toBe(before);
  });
});

describe('approval', () => {
  it('takes the fingerprint of that machine alone, once', async () => {
    const { wire } = await aBench();
    await trustVendor(wire, machine);
    const { id } = expectOk(await wire('enrolHost', { body: await enrolRequest(machine) }));
    const approve = (ekFingerprint: string, host = id) =>
      wire('approveHost', { params: { id: host }, body: { ekFingerprint } });
    const [right, wrong] = [await fingerprintOf(machine), await fingerprintOf(otherMachine)];
    expect(await approve(wrong)).toMatchObject({ fault: { code: 'fingerprint-mismatch' } });
    expect(await approve(right, UNKNOWN)).toMatchObject({ fault: { code: 'unknown-host' } });
    expect(expectOk(await wire('hostStatus', { params: { id } })).state).toBe('pending');
    expectOk(await approve(right));
    expect(await approve(right)).toMatchObject({ fault: { code: 'host-not-pending' } });
  });
});

describe('security property 1: AK and EK are bound by credential activation inside one transaction', () => {
  it('only an approved host gets a credential', async () => {
    const { wire } = await aBench();
    await trustVendor(wire, machine);
    const { id } = expectOk(await wire('enrolHost', { body: await enrolRequest(machine) }));
    const akPublic = toBase64Url((await machine.attestationKey()).tpm2bPublic);
    const open = (host: string) => wire('openActivation', { params: { id: host }, body: { akPublic } });
    expect(await open(id)).toMatchObject({ fault: { code: 'host-not-approved' } });
    expect(await open(UNKNOWN)).toMatchObject({ fault: { code: 'unknown-host' } });
  });
  it('a key that is no attestation key', async () => {
    const { wire } = await aBench();
    await trustVendor(wire, machine);
    const id = await approvedHost(wire, machine);
    const refusal = async (key: Uint8Array) =>
      wire('openActivation', { params: { id }, body: { akPublic: toBase64Url(key) } });
    for (const { tpm2bPublic } of [await machine.healthKey(), await machine.endorsementKey()])
      expect(await refusal(tpm2bPublic)).toMatchObject({
        fault: { code: 'attestation-key-refused', subStatus: ['attestation-key-attributes'] },
      });
    expect(await refusal(new Uint8Array(100))).toMatchObject({ fault: { subStatus: ['attestation-key-malformed'] } });
  });
  it('a credential opens in no other TPM, and for no other key', async () => {
    const { wire } = await aBench();
    await trustVendor(wire, machine);
    const id = await approvedHost(wire, machine);
    await expect(secretOf(otherMachine, await openActivation(wire, machine, id))).rejects.toThrow('TPM_RC');
    const outside = toBase64Url((await createForger(crypto)).tpm2bPublic);
    const forOutside = expectOk(await wire('openActivation', { params: { id }, body: { akPublic: outside } }));
    await expect(secretOf(machine, forOutside)).rejects.toThrow('TPM_RC_INTEGRITY');
  });
  it('a proof is good once, also for two nodes at the same moment', async () => {
    const bench = await sqliteBench();
    const other = anotherNode(bench, await openStore(bench.file));
    await trustVendor(bench.wire, machine);
    const id = await approvedHost(bench.wire, machine);
    const opened = await openActivation(bench.wire, machine, id);
    const proof = await proofOf(machine, id, opened);
    const outcomes = await Promise.all(
      [bench, other, bench, other].map(({ wire }) => complete(wire, opened.activationId, proof)),
    );
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
    for (const outcome of outcomes) if (!outcome.ok) expect(outcome).toMatchObject(failed);
    expect(expectOk(await bench.wire('hostStatus', { params: { id } })).state).toBe('active');
  });
  it('a wrong proof uses the activation up: the right one comes too late (CVE-2023-38201)', async () => {
    const { wire, deps } = await aBench();
    await trustVendor(wire, machine);
    const id = await approvedHost(wire, machine);
    const opened = await openActivation(wire, machine, id);
    const proof = await proofOf(machine, id, opened);
    const wrong = Uint8Array.from(proof);
    wrong[31]! ^= 1;
    const outcome = await complete(wire, opened.activationId, wrong);
    expect(outcome).toMatchObject(failed);
    for (const told of [
      JSON.stringify(outcome),
      JSON.stringify(await deps.store.auditEntries({ after: 0, limit: 99 })),
    ])
      for (const bytesOf of [proof, wrong]) expect(told).not.toContain(toHex(bytesOf));
    expect(await complete(wire, opened.activationId, proof)).toMatchObject(failed);
    expect(expectOk(await wire('hostStatus', { params: { id } })).state).toBe('approved');
    const again = await openActivation(wire, machine, id);
    expectOk(await complete(wire, again.activationId, await proofOf(machine, id, again)));
  });
  it('a proof is for one activation, one host and one key, and ends', async () => {
    const { wire, clock } = await aBench();
    for (const each of [machine, otherMachine]) await trustVendor(wire, each);
    const [id, other] = [await approvedHost(wire, machine), await approvedHost(wire, otherMachine, 'node2')];
    const old = await openActivation(wire, machine, id);
    const oldProof = await proofOf(machine, id, old);
    const newer = await openActivation(wire, machine, id);
    expect(await complete(wire, old.activationId, oldProof)).toMatchObject(failed); // replaced
    expect(await complete(wire, newer.activationId, oldProof)).toMatchObject(failed);

    const opened = await openActivation(wire, machine, id);
    const secret = await secretOf(machine, opened);
    const { name } = await machine.attestationKey();
    const forOther = activationProof(crypto, [secret], other, name);
    expect(await complete(wire, opened.activationId, forOther)).toMatchObject(failed);

    const late = await openActivation(wire, machine, id);
    const lateProof = await proofOf(machine, id, late);
    clock.advance(120_000);
    expect(await complete(wire, late.activationId, lateProof)).toMatchObject(failed);
    expect(await complete(wire, UNKNOWN, lateProof)).toMatchObject(failed);
  });
  it('revoking a host ends its activation', async () => {
    const { wire } = await aBench();
    await trustVendor(wire, machine);
    const id = await approvedHost(wire, machine);
    const opened = await openActivation(wire, machine, id);
    const proof = await proofOf(machine, id, opened);
    expectOk(await wire('revokeHost', { params: { id }, body: { reason: 'mistake' } }));
    expect(await complete(wire, opened.activationId, proof)).toMatchObject(failed);
    expect(expectOk(await wire('hostStatus', { params: { id } })).state).toBe('revoked');
  });
});

describe('TPM roots', () => {
  it('are CAs, and each stands once', async () => {
    const { wire } = await aBench();
    const add = (der: Uint8Array) => wire('addTpmRoot', { body: { certificate: toBase64Url(der), vendor: 'v' } });
    expect(await add((await machine.endorsementKey()).certificate)).toMatchObject({
      fault: { code: 'malformed-request' },
    });
    expect(await add(new Uint8Array(9))).toMatchObject({ fault: { code: 'malformed-request' } });
    const { certificate } = await createServerCa(crypto);
    expectOk(await add(certificate.der));
    expect(await add(certificate.der)).toMatchObject({ fault: { code: 'duplicate-tpm-root' } });
    expect(expectOk(await wire('listTpmRoots')).roots).toMatchObject([{ subject: 'CN=server CA', insecure: false }]);
  });
});
