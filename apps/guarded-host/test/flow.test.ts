import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { activate, adoptEnrolment, attest, currentHealth, enrol, enrolmentStatus, releaseKeys } from '../src/index.ts';
import { startHgs } from './support/hgs.ts';
import { aHost, anActiveHost, uniqueName } from './support/host.ts';
import { aProtector, hexOf, openedBy } from './support/protector.ts';

const hgs = await startHgs();

describe('a guarded host, with real services', () => {
  it('is pending, approved and active, in this order', async () => {
    const { deps } = await aHost(hgs);
    const { id, state, ekFingerprint } = expectOk(await enrol(deps, { name: uniqueName() }));
    expect(state).toBe('pending');
    expect(await activate(deps)).toMatchObject({ fault: { code: 'host-not-approved' } });
    await hgs.approve(id, ekFingerprint);
    expect(expectOk(await enrolmentStatus(deps)).state).toBe('approved');
    expect(expectOk(await activate(deps)).state).toBe('active');
    expect(await activate(deps)).toMatchObject({ fault: { code: 'host-already-active' } });
  });

  it('attests, and keeps the certificate', async () => {
    const { deps, pair } = await anActiveHost(hgs);
    const health = expectOk(await attest(deps));
    expect(health.notAfter.getTime()).toBeGreaterThan(Date.now());
    expect(expectOk(await deps.state.health())).toMatchObject({ certificate: health, attempt: { code: 'passed' } });
    expect(expectOk(await currentHealth(pair()))).toMatchObject({ isNew: false });
  });

  it('has a protector rolled, and gets the keys that its owner finds in both', async () => {
    const { deps, pair } = await anActiveHost(hgs);
    const { protector, transportKey, owner } = await aProtector(deps);
    const first = expectOk(await releaseKeys(pair(), protector));
    expect(hexOf(first.keys.ingress)).toBe(transportKey);
    expect(hexOf(first.keys.egress)).toBe(await openedBy(owner, first.egressProtector));
    expect(hexOf(first.keys.egress)).not.toBe(transportKey);
    const second = expectOk(await releaseKeys(pair(), first.egressProtector));
    expect(hexOf(second.keys.ingress)).toBe(hexOf(first.keys.egress));
  });

  it('attests by itself for a release, and again after a new start of the machine', async () => {
    const host = await anActiveHost(hgs);
    const { protector } = await aProtector(host.deps);
    expectOk(await releaseKeys(host.pair(), protector));
    const before = expectOk(await host.deps.state.health())?.certificate;
    await host.boot('uki-snakeoil');
    expectOk(await releaseKeys(host.pair(), protector));
    expect(expectOk(await host.deps.state.health())?.certificate?.traceId).not.toBe(before?.traceId);
  });

  it('goes on without its state folder, once told its identifier', async () => {
    const { deps, id, pair } = await anActiveHost(hgs);
    const other = await aHost(hgs);
    const { state } = other.deps;
    const again = { ...deps, state };
    expect(expectOk(await adoptEnrolment(again, id))).toMatchObject({ id, state: 'active' });
    expectOk(await attest(again));
    const { protector } = await aProtector(deps);
    // its client key is another one now, and the connection must use it
    expectOk(await releaseKeys(pair({ state, keyProtection: other.deps.keyProtection }), protector));
  });

  it('leaves nothing in the TPM', async () => {
    const { deps, pair } = await anActiveHost(hgs);
    const { protector } = await aProtector(deps);
    expectOk(await releaseKeys(pair(), protector));
    const handles = await deps.tpm.run('GetCapability', {
      parameters: { capability: 'handles', property: 0x80000000, propertyCount: 16 },
    });
    expect(expectOk(handles).parameters.capabilityData).toMatchObject({ handles: [] });
  });
});
