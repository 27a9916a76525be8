import { OutageError } from '@sekimori/client';
import { attestationRoutes } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import { Tpm } from '@sekimori/tpm2';
import { describe, expect, it } from 'vitest';
import { activate, attest, enrol, hostReport, reopeningTransport, statusOfCode } from '../src/index.ts';
import { fakeService } from './support/fake-service.ts';
import { startHgs } from './support/hgs.ts';
import { aHost, anActiveHost, type TestDeps, type TestHost, uniqueName } from './support/host.ts';

const hgs = await startHgs();
/** What `hostReport` says, with other parts where they are given. */
async function reportOf(host: TestHost, { clock, ...change }: Partial<TestDeps> = {}) {
  const { attestation, tpm, failover, ...pair } = host.pair(change);
  const mode = 'HostGuardianService';
  return expectOk(
    await hostReport({ mode, tpm, failover, attestation, keyProtection: ['https://kps'], clock: clock ?? pair.clock }),
  );
}

const unreachable = fakeService({
  hostStatus: () => Promise.reject(new OutageError('https://hgs.example', 'nothing listens there')),
  challenge: () => Promise.reject(new OutageError('https://hgs.example', 'nothing listens there')),
});

describe('status', () => {
  it('follows a host from its first day', async () => {
    const host = await aHost(hgs);
    const { deps } = host;
    expect(await reportOf(host)).toEqual({
      mode: 'HostGuardianService',
      isHostGuarded: false,
      attestationOperationMode: 'Tpm',
      attestationStatus: 'NotConfigured',
      attestationSubStatus: [],
      isFallbackInUse: false,
      attestationServerUrl: hgs.services.attestationUrl,
      keyProtectionServerUrl: 'https://kps',
      services: [{ service: 'default', attestationStatus: 'NotConfigured', attestationSubStatus: [] }],
      remarks: [],
    });
    const { id, ekFingerprint } = expectOk(await enrol(deps, { name: uniqueName() }));
    expect(await reportOf(host)).toMatchObject({
      attestationStatus: 'UnauthorizedHost',
      enrolment: { state: 'pending' },
    });
    await hgs.approve(id, ekFingerprint);
    expect(await reportOf(host)).toMatchObject({
      attestationStatus: 'UnauthorizedHost',
      enrolment: { state: 'approved' },
    });
    expectOk(await activate(deps));
    expect(await reportOf(host)).toMatchObject({ attestationStatus: 'Unknown', enrolment: { state: 'active' } });
    await attest(deps);
    expect(await reportOf(host)).toMatchObject({
      isHostGuarded: false,
      attestationStatus: 'InsecureHostConfiguration',
    });
    await hgs.captureBaseline(id, uniqueName());
    expectOk(await attest(deps));
    const guarded = await reportOf(host);
    expect(guarded).toMatchObject({
      isHostGuarded: true,
      attestationStatus: 'Passed',
      attestationSubStatus: [],
      remarks: [],
    });
    expect(guarded.healthCertificate?.valid).toBe(true);
  });

  it('tells a certificate of an earlier boot, and one that has ended', async () => {
    const host = await anActiveHost(hgs);
    const { notAfter } = expectOk(await attest(host.deps));
    const clock = { now: () => new Date(notAfter.getTime() + 1) };
    expect(await reportOf(host, { clock })).toMatchObject({ isHostGuarded: false, attestationStatus: 'Expired' });
    await host.boot('uki-snakeoil');
    expect(await reportOf(host)).toMatchObject({ attestationStatus: 'Expired', healthCertificate: { valid: false } });
  });

  it('tells a revoked host, whose certificate still has time', async () => {
    const host = await anActiveHost(hgs);
    expectOk(await attest(host.deps));
    const params = { id: host.id };
    expectOk(await hgs.administrator.call(attestationRoutes.revokeHost, { params, body: { reason: 'test' } }));
    expect(await reportOf(host)).toMatchObject({ isHostGuarded: false, attestationStatus: 'UnauthorizedHost' });
  });

  it('answers without service and TPM', async () => {
    const host = await anActiveHost(hgs);
    expectOk(await attest(host.deps));
    const alone = await reportOf(host, { attestation: unreachable });
    expect(alone).toMatchObject({ isHostGuarded: true, attestationStatus: 'Passed', enrolment: { state: 'unknown' } });
    expect(alone.remarks).toEqual([expect.stringContaining('nothing listens there')]);
    const gone = async () => Promise.reject(new Error('gone'));
    const tpm = new Tpm(reopeningTransport('/dev/tpmrm0', gone), host.deps.crypto);
    const blind = await reportOf(host, { tpm });
    expect(blind).toMatchObject({ isHostGuarded: false, attestationStatus: 'TpmError' });
    expect(blind.healthCertificate).not.toHaveProperty('valid');
    expect(blind.remarks).toEqual(['cannot use the TPM at /dev/tpmrm0: gone']);
  });

  it('keeps a good certificate when an attestation was not decided', async () => {
    const host = await anActiveHost(hgs);
    expectOk(await attest(host.deps));
    await expect(attest({ ...host.deps, attestation: unreachable })).rejects.toThrow(OutageError);
    const report = await reportOf(host);
    expect(report).toMatchObject({
      isHostGuarded: true,
      attestationStatus: 'Passed',
      lastAttestation: { code: 'outage' },
    });
  });

  it('changes nothing', async () => {
    const host = await anActiveHost(hgs);
    expectOk(await attest(host.deps));
    const { state } = host.deps;
    const before = [await state.enrolment(), await state.health()];
    const asking = fakeService({
      hostStatus: () => host.deps.attestation.call(attestationRoutes.hostStatus, { params: { id: host.id } }),
    });
    await reportOf(host, { attestation: asking });
    expect(asking.asked).toEqual(['hostStatus']);
    expect([await state.enrolment(), await state.health()]).toEqual(before);
  });

  it.each([
    ['passed', 'Passed'],
    ['policy-denied', 'InsecureHostConfiguration'],
    ['host-revoked', 'UnauthorizedHost'],
    ['tpm-error', 'TpmError'],
    ['endorsement-key-changed', 'TpmError'],
    ['evidence-refused', 'TpmError'],
    ['outage', 'TransientError'],
    ['too-many-requests', 'TransientError'],
  ])('calls %s %s', (code, status) => {
    expect(statusOfCode(code)).toBe(status);
  });
});
