import { nodeCrypto } from '@sekimori/crypto-core/node';
import { attestationRoutes } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import { createSoftwareTpm } from '@sekimori/software-tpm';
import { createAttestationKey, Tpm } from '@sekimori/tpm2';
import { describe, expect, it } from 'vitest';
import {
  activate,
  adoptEnrolment,
  attest,
  collectEvidence,
  enrol,
  type AttestDeps,
  platformIdentifier,
  releaseKeys,
} from '../src/index.ts';
import { startHgs } from './support/hgs.ts';
import { aHost, anActiveHost, uniqueName } from './support/host.ts';
import { aProtector } from './support/protector.ts';

const hgs = await startHgs();
const codeOf = (code: string, more: object = {}) => ({ ok: false, fault: { code, ...more } });

async function challengeFor({ attestation }: AttestDeps, hostId: string) {
  return expectOk(await attestation.call(attestationRoutes.challenge, { body: { hostId } }));
}

describe('what the services refuse', () => {
  it.each(['uki-snakeoil-cmdline-changed', 'uki-snakeoil-initrd-changed'] as const)(
    'another boot: %s',
    async (name) => {
      const host = await anActiveHost(hgs);
      expectOk(await attest(host.deps));
      await host.boot(name);
      const refused = await attest(host.deps);
      expect(refused).toMatchObject(codeOf('policy-denied', { traceId: expect.any(String) as string }));
      const health = expectOk(await host.deps.state.health());
      expect(health?.attempt).toMatchObject({
        code: 'policy-denied',
        subStatus: expect.arrayContaining(['CodeIntegrityPolicy']) as string[],
      });
      expect(health?.certificate).toBeUndefined();
      const { protector } = await aProtector(host.deps);
      expect(await releaseKeys(host.pair(), protector)).toMatchObject(codeOf('policy-denied'));
    },
  );

  it('evidence by another key of the same TPM', async () => {
    const { deps, id } = await anActiveHost(hgs);
    const attestationKey = (tpm: AttestDeps['tpm']) => createAttestationKey(tpm, 'rsa-2048');
    const body = expectOk(await collectEvidence(deps, await challengeFor(deps, id), { attestationKey }));
    const refused = await deps.attestation.call(attestationRoutes.attest, { body });
    expect(refused).toMatchObject(codeOf('evidence-refused', { subStatus: ['quote-signature'] }));
  });

  it('evidence of another TPM in the name of this host', async () => {
    const { deps, id } = await anActiveHost(hgs);
    const stranger = await aHost(hgs);
    const body = expectOk(await collectEvidence(stranger.deps, await challengeFor(deps, id), { hostId: id }));
    const refused = await deps.attestation.call(attestationRoutes.attest, { body });
    expect(refused).toMatchObject(codeOf('evidence-refused', { subStatus: ['quote-signature'] }));
  });

  it('the same evidence twice, and under another challenge', async () => {
    const { deps, id } = await anActiveHost(hgs);
    const body = expectOk(await collectEvidence(deps, await challengeFor(deps, id)));
    expectOk(await deps.attestation.call(attestationRoutes.attest, { body }));
    const again = await deps.attestation.call(attestationRoutes.attest, { body });
    expect(again).toMatchObject(codeOf('challenge-used'));
    const { challenge } = await challengeFor(deps, id);
    const moved = await deps.attestation.call(attestationRoutes.attest, { body: { ...body, challenge } });
    expect(moved).toMatchObject(codeOf('evidence-refused', { subStatus: ['quote-nonce'] }));
  });

  it('a certificate for a TLS key that the connection does not have', async () => {
    const { deps, pair } = await anActiveHost(hgs);
    const other = await aHost(hgs);
    const { protector } = await aProtector(deps);
    const refused = await releaseKeys(pair({ keyProtection: other.deps.keyProtection }), protector);
    expect(refused).toMatchObject(codeOf('client-key-mismatch'));
  });

  it('a second enrolment of one TPM, and a name that is taken', async () => {
    const { deps } = await anActiveHost(hgs);
    const { state } = (await aHost(hgs)).deps;
    expect(await enrol({ ...deps, state }, { name: uniqueName() })).toMatchObject(codeOf('duplicate-ek'));
    const name = expectOk(await deps.state.enrolment())!.name;
    expect(await enrol((await aHost(hgs)).deps, { name })).toMatchObject(codeOf('duplicate-name'));
  });

  it('a revoked host', async () => {
    const { deps, id } = await anActiveHost(hgs);
    expectOk(await attest(deps));
    const params = { id };
    expectOk(await hgs.administrator.call(attestationRoutes.revokeHost, { params, body: { reason: 'stolen' } }));
    expect(await attest(deps)).toMatchObject(codeOf('host-revoked'));
    expect(expectOk(await deps.state.health())).toEqual({
      attempt: expect.objectContaining({ code: 'host-revoked' }) as object,
    });
  });
});

describe('what the host refuses by itself', () => {
  it('to attest or release before it is enrolled', async () => {
    const { deps, pair } = await aHost(hgs);
    expect(await activate(deps)).toMatchObject(codeOf('not-enrolled'));
    expect(await attest(deps)).toMatchObject(codeOf('not-enrolled'));
    expect(await releaseKeys(pair(), new Uint8Array(8))).toMatchObject(codeOf('not-enrolled'));
    expect(expectOk(await deps.state.health())).toBeUndefined();
  });

  it('another TPM than the enrolled one', async () => {
    const { deps, pair } = await anActiveHost(hgs);
    const { tpm } = (await aHost(hgs)).deps;
    const moved = { ...deps, tpm };
    expect(await activate(moved)).toMatchObject(codeOf('endorsement-key-changed'));
    expect(await attest(moved)).toMatchObject(codeOf('endorsement-key-changed'));
    const { protector } = await aProtector(deps);
    expect(await releaseKeys(pair({ tpm }), protector)).toMatchObject(codeOf('endorsement-key-changed'));
  });

  it("to take up another host's enrolment, or a second one of its own", async () => {
    const { deps, id } = await anActiveHost(hgs);
    expect(await adoptEnrolment((await aHost(hgs)).deps, id)).toMatchObject(codeOf('service-unexpected'));
    expect(await enrol(deps, { name: uniqueName() })).toMatchObject(codeOf('enrolled-otherwise'));
    expect(await adoptEnrolment(deps, id)).toMatchObject(codeOf('enrolled-otherwise'));
  });

  it('to be enrolled anew before an operator has removed it, once it was revoked', async () => {
    const { deps, id } = await anActiveHost(hgs);
    const params = { id };
    expectOk(await hgs.administrator.call(attestationRoutes.revokeHost, { params, body: { reason: 'moved' } }));
    const name = uniqueName();
    expect(await enrol(deps, { name })).toMatchObject(codeOf('duplicate-ek'));
    expectOk(await hgs.administrator.call(attestationRoutes.removeHost, { params }));
    const again = expectOk(await enrol(deps, { name }));
    expect(again.id).not.toBe(id);
    await hgs.approve(again.id, again.ekFingerprint);
    expect(expectOk(await activate(deps)).state).toBe('active');
  });

  it('but is enrolled anew where the service has forgotten that it waits', async () => {
    const { deps } = await aHost(hgs);
    const name = uniqueName();
    expectOk(await enrol(deps, { name }));
    const kept = expectOk(await deps.state.enrolment())!;
    await deps.state.saveEnrolment({ ...kept, hostId: '6a3e8f0e-8f7b-4a52-9f5a-0d6a0b3f1c2d' });
    expect(expectOk(await enrol(deps, { name })).id).toBe(kept.hostId);
    expect(await enrol(deps, { name })).toMatchObject(codeOf('enrolled-otherwise'));
  });

  it('to attest without an event log', async () => {
    const { deps } = await anActiveHost(hgs);
    const readEventLog = async () => Promise.reject(new Error('ENOENT'));
    expect(await attest({ ...deps, readEventLog })).toMatchObject(codeOf('event-log-unreadable'));
  });

  it('a TPM without endorsement certificates', async () => {
    const { deps } = await aHost(hgs);
    const bare = bareTpm();
    expect(await platformIdentifier(bare, { name: 'bare' })).toMatchObject(codeOf('endorsement-key-missing'));
    expect(await enrol({ ...deps, tpm: bare }, { name: 'bare' })).toMatchObject(codeOf('endorsement-key-missing'));
  });
});

function bareTpm(): Tpm {
  return new Tpm(createSoftwareTpm({ crypto: nodeCrypto }).transport, nodeCrypto);
}
