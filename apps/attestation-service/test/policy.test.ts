import { VerifiedHealthCertificate } from '@sekimori/health-certificate';
import { parseCertificate } from '@sekimori/pki';
import type { FindingShape } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import { boot, type BootName, dumpDatabase } from '@sekimori/testkit';
import { beforeEach, describe, expect, it } from 'vitest';
import { crypto } from './support/authority.ts';
import { aBench, anotherNode, type Bench, sqliteBench } from './support/bench.ts';
import {
  activeHost,
  aMachine,
  attest,
  bytes,
  capture,
  captured,
  evidenceFor,
  goodHost,
  type Host,
  shown,
} from './support/host.ts';

const machine = await aMachine();
beforeEach(() => machine.boot(boot('uki-snakeoil')));

async function findings({ wire }: Bench, host: Host): Promise<readonly FindingShape[]> {
  const [verdict] = (await shown(wire, host)).verdicts;
  return verdict?.findings ?? [];
}

async function bootedAs(name: BootName): Promise<void> {
  await machine.boot(boot(name));
}

describe('a host that booted something else', () => {
  it.each([
    ['uki-snakeoil-cmdline-changed', /cmdline|command line/i],
    ['uki-snakeoil-initrd-changed', /initrd/i],
  ] as const)('%s: refused, and told to operators by event, PCR, expected and actual', async (name, words) => {
    const bench = await aBench();
    const host = await goodHost(bench.wire, machine);
    const good = expectOk(await attest(bench.wire, host));
    const { serial } = expectOk(parseCertificate(bytes(good.healthCertificate)));
    await bootedAs(name);
    const outcome = await attest(bench.wire, host);
    expect(outcome).toMatchObject({ fault: { code: 'policy-denied' } });
    expect(JSON.stringify(outcome)).not.toMatch(/[0-9a-f]{64}|[Pp][Cc][Rr]/); // the host hears names alone

    const refusing = (await findings(bench, host)).filter(({ effect }) => effect === 'refuse');
    expect(refusing.map(({ pcr }) => pcr)).toEqual([11, 9, 4]);
    for (const { pcr, expected, actual, event, baselineId, rule } of refusing) {
      expect({ pcr, rule }).toEqual({ pcr, rule: 'matches-baseline' });
      expect([expected, actual].every((value) => /^[0-9a-f]{64}$/.test(value ?? ''))).toBe(true);
      expect(expected).not.toBe(actual);
      expect(event?.expected?.digest).not.toBe(event?.actual?.digest);
      expect(event?.actual).toMatchObject({ pcr, index: event?.index });
      expect(baselineId).toMatch(/^[0-9a-f-]{36}$/);
    }
    expect(refusing.map(({ detail }) => detail).join('\n')).toMatch(words);
    expect(await bench.deps.store.certificateStatus(serial)).toBe('revoked');
    const denied = [{ id: host.id, before: bench.clock.now() }];
    expect((await bench.deps.store.revocations(bench.clock.now())).hosts).toEqual(denied);
  });
  it('the refusal, the revocations and the record are one transaction', async () => {
    const bench = await sqliteBench();
    const host = await goodHost(bench.wire, machine);
    expectOk(await attest(bench.wire, host));
    await bootedAs('uki-snakeoil-cmdline-changed');
    const body = await evidenceFor(bench.wire, host);
    const before = dumpDatabase(bench.file);
    const { store } = bench.deps;
    // the last statement of the transaction fails
    const failing = anotherNode(bench, {
      ...store,
      recordAttestation: (command) =>
        store.recordAttestation({ ...command, audit: [{ ...command.audit[0], kind: 'not a kind' }] }),
    });
    await expect(failing.wire('attest', { body })).rejects.toThrow('audit draft');
    expect(dumpDatabase(bench.file)).toBe(before);
    expect(await bench.wire('attest', { body })).toMatchObject({ fault: { code: 'policy-denied' } });
  });
  it('is good again once it boots what was approved', async () => {
    const { wire } = await aBench();
    const host = await goodHost(wire, machine);
    await bootedAs('uki-snakeoil-cmdline-changed');
    expect((await attest(wire, host)).ok).toBe(false);
    await bootedAs('uki-snakeoil');
    expectOk(await attest(wire, host));
  });
  it('two baselines overlap: both boots pass until one is retired', async () => {
    const { wire } = await aBench();
    const host = await goodHost(wire, machine);
    await bootedAs('uki-snakeoil-initrd-changed');
    const next = await captured(wire, host, 'next');
    expectOk(await attest(wire, host));
    expectOk(await wire('retireBaseline', { params: { id: next.id }, body: {} }));
    expect(await attest(wire, host)).toMatchObject({ fault: { code: 'policy-denied' } });
  });
});

describe('security property 5: what cannot be decided never ends in trust', () => {
  it('a host without a baseline, and one whose baseline was retired', async () => {
    const { wire } = await aBench();
    const host = await activeHost(wire, machine);
    expect(await attest(wire, host)).toMatchObject({ fault: { code: 'policy-denied' } });
    const { id } = await captured(wire, host);
    expectOk(await attest(wire, host));
    expectOk(await wire('retireBaseline', { params: { id }, body: {} }));
    expect(await attest(wire, host)).toMatchObject({ fault: { subStatus: ['SecureBootSettings'] } });
  });
  it('a service whose policy was never set', async () => {
    const { deps, wire } = await aBench();
    const host = await goodHost(wire, machine);
    const empty = { version: 0, settings: null, baselines: [] };
    const bare = anotherNode({ ...(await aBench()), deps }, { ...deps.store, attestationPolicy: async () => empty });
    const body = await evidenceFor(wire, host);
    await expect(bare.wire('attest', { body })).rejects.toThrow('no attestation policy');
  });
  it('a database that fails while the verdict is recorded: no certificate is answered', async () => {
    const bench = await aBench();
    const host = await goodHost(bench.wire, machine);
    const broken = anotherNode(bench, {
      ...bench.deps.store,
      recordAttestation: () => Promise.reject(new Error('disk full')),
    });
    await expect(attest(broken.wire, host)).rejects.toThrow('disk full');
  });
  it('a host that was revoked while its evidence was judged', async () => {
    const bench = await sqliteBench();
    const { store } = bench.deps;
    const host = await goodHost(bench.wire, machine);
    const body = await evidenceFor(bench.wire, host);
    const stale = await store.host(host.id);
    expectOk(await bench.wire('revokeHost', { params: { id: host.id }, body: { reason: 'now' } }));
    const before = dumpDatabase(bench.file);
    const late = anotherNode(bench, { ...store, host: async () => stale });
    expect(await late.wire('attest', { body })).toMatchObject({ fault: { code: 'host-not-active' } });
    expect(dumpDatabase(bench.file)).toBe(before);
  });
  it('a host that is not active', async () => {
    const { wire } = await aBench();
    const host = await goodHost(wire, machine);
    const body = await evidenceFor(wire, host);
    const unknown = { ...body, hostId: '6a3e8f0e-8f7b-4a52-9f5a-0d6a0b3f1c2d' };
    expect(await wire('attest', { body: unknown })).toMatchObject({ fault: { code: 'unknown-host' } });
    expectOk(await wire('revokeHost', { params: { id: host.id }, body: { reason: 'gone' } }));
    expect(await wire('attest', { body })).toMatchObject({ fault: { code: 'host-revoked' } });
  });
  it('a bank or PCR less than every baseline names', async () => {
    const { wire } = await aBench({ settings: { pcrs: [0, 1, 2, 3, 4, 5, 6, 7] } });
    const host = await activeHost(wire, machine);
    const refused = await attest(wire, host);
    expect(refused.ok).toBe(false);
    const outcome = await capture(wire, host, 'thin');
    expect(outcome.ok).toBe(false);
  });
});

describe('security property 8: boot chain revocation is policy', () => {
  it('Secure Boot off is refused, whatever baseline was taken from it', async () => {
    const bench = await aBench();
    await bootedAs('uki-plain');
    const host = await goodHost(bench.wire, machine);
    expect(await attest(bench.wire, host)).toMatchObject({
      fault: { code: 'policy-denied', subStatus: ['SecureBoot'] },
    });
    expect((await findings(bench, host))[0]).toMatchObject({ pcr: 7, expected: 'on', actual: 'off' });
  });
  it('a boot that another authority signed', async () => {
    const bench = await aBench();
    const host = await goodHost(bench.wire, machine);
    await bootedAs('shim-ms');
    expect(await attest(bench.wire, host)).toMatchObject({ fault: { code: 'policy-denied' } });
    expect((await findings(bench, host)).map(({ pcr }) => pcr)).toContain(7);
  });
});

describe('security property 16: kexec', () => {
  it('the level is never more than measured, and every good verdict says that another kernel is possible', async () => {
    const bench = await aBench();
    const host = await goodHost(bench.wire, machine);
    const { healthCertificate } = expectOk(await attest(bench.wire, host));
    const expected = {
      signers: [{ certificate: bench.deps.signer.certificate }],
      at: bench.clock.now(),
      audience: 'kps.example',
      isRevoked: () => false,
    };
    const verify = (minimumLevel: 'measured' | 'measured-locked') =>
      VerifiedHealthCertificate.verify(crypto, bytes(healthCertificate), { ...expected, minimumLevel });
    expectOk(verify('measured'));
    expect(verify('measured-locked')).toMatchObject({ fault: { code: 'certificate-level' } });
    const remarks = await findings(bench, host);
    expect(remarks.map(({ subStatus, effect }) => [subStatus, effect])).toEqual([
      ['KexecPossible', 'remark'],
      ['TpmClock', 'remark'], // the machine was never shut down in order
    ]);
  });
});

describe('baselines', () => {
  it('come from authentic evidence alone, and a name is good once', async () => {
    const { wire } = await aBench();
    const host = await activeHost(wire, machine);
    expect(await capture(wire, { id: '6a3e8f0e-8f7b-4a52-9f5a-0d6a0b3f1c2d' }, 'web')).toMatchObject({
      fault: { code: 'unknown-host' },
    });
    expect(await capture(wire, host, 'web')).toMatchObject({ fault: { code: 'no-evidence' } });
    await attest(wire, host, 'quote-by-another-key');
    expect(await capture(wire, host, 'web')).toMatchObject({ fault: { code: 'no-evidence' } });
    await attest(wire, host, 'log-changed');
    expect(await capture(wire, host, 'web')).toMatchObject({ fault: { code: 'policy-denied' } });
    await attest(wire, host, 'pcr-value-changed');
    expect(await capture(wire, host, 'web')).toMatchObject({ fault: { code: 'policy-denied' } });
    await attest(wire, host);
    const { id } = expectOk(await capture(wire, host, 'web'));
    expect(await capture(wire, host, 'web')).toMatchObject({ fault: { code: 'duplicate-baseline' } });
    expectOk(await wire('retireBaseline', { params: { id }, body: {} }));
    expectOk(await capture(wire, host, 'web'));
    const states = expectOk(await wire('listBaselines')).baselines.map(({ state }) => state);
    expect(states.toSorted()).toEqual(['active', 'retired']);
    expect(await wire('retireBaseline', { params: { id: host.id }, body: {} })).toMatchObject({
      fault: { code: 'unknown-baseline' },
    });
  });
});
