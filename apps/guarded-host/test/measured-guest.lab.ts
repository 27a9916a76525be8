import { readFile } from 'node:fs/promises';
import { toHex } from '@sekimori/bytes';
import { type Claims, HOST_HEALTH_CLAIMS, readClaims } from '@sekimori/health-certificate';
import { missingParts } from '@sekimori/lab';
import { certificatesFromPem, parseCertificate } from '@sekimori/pki';
import { attestationRoutes } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { activate, attest, enrol, type HealthCertificate, type HostDeps, releaseKeys } from '../src/index.ts';
import { startHgs } from './support/hgs.ts';
import { aMeasuredHost } from './support/measured-host.ts';
import { aProtector, hexOf, openedBy } from './support/protector.ts';

const missing = missingParts();
const skip = missing.length > 0 && !process.env['CI'];
if (skip) console.warn(`no measured boot: this machine lacks ${missing.join(', ')}`);

const hgs = await startHgs();

// One machine from its first boot to its last: each test goes on where the one before ended.
describe.skipIf(skip)('a guarded host whose boots are really measured', async () => {
  const machine = await aMeasuredHost(hgs);
  let id: string;
  let first: Claims;

  it('is attested once its boot is a baseline, and has a key protector opened by its TPM', async () => {
    const host = await machine.boot('uki-snakeoil');
    const deps = expectOk(await host.deps());
    const [root] = expectOk(certificatesFromPem(await readFile(machine.endorsementRoot, 'utf8')));
    await hgs.trust(root!.der);
    const intermediates = expectOk(await host.endorsementIntermediates());
    const enrolled = expectOk(await enrol(deps, { name: host.settings.name, intermediates }));
    id = enrolled.id;
    await hgs.approve(id, enrolled.ekFingerprint);
    expect(expectOk(await activate(deps)).state).toBe('active');

    expect(await attest(deps)).toMatchObject({ fault: { code: 'policy-denied', subStatus: ['SecureBootSettings'] } });
    expect(await captureBaseline('uki')).toEqual(BASELINE_PCRS);
    first = claimsOf(expectOk(await attest(deps)));
    expect(first).toMatchObject({ hostId: id, level: 'measured', restartCount: 0 });

    const { protector, transportKey, owner } = await aProtector(deps);
    const { keys, egressProtector } = expectOk(await releaseKeys(deps, protector));
    expect(hexOf(keys.ingress)).toBe(transportKey);
    expect(hexOf(keys.egress)).toBe(await openedBy(owner, egressProtector));
    expect(await transientObjects(deps)).toEqual([]);
  });

  it('is refused after another kernel command line: PCRs and events are named, and no key is released', async () => {
    const host = await machine.boot('uki-snakeoil-cmdline-changed');
    const deps = expectOk(await host.deps());
    const { protector } = await aProtector(deps);
    const denied = { fault: { code: 'policy-denied', subStatus: ['CodeIntegrityPolicy', 'SecureBootSettings'] } };
    expect(await attest(deps)).toMatchObject(denied);
    const differences = await latestDifferences();
    console.log(JSON.stringify(differences, null, 1));
    expect(differences.map(({ pcr }) => pcr)).toEqual([11, 9, 4]);
    expect(await releaseKeys(deps, protector)).toMatchObject(denied);
  });

  it('is attested again after the approved boot, as the same TPM two resets later', async () => {
    const host = await machine.boot('uki-snakeoil');
    const deps = expectOk(await host.deps());
    const { protector, transportKey } = await aProtector(deps);
    expect(hexOf(expectOk(await releaseKeys(deps, protector)).keys.ingress)).toBe(transportKey);
    const now = claimsOf(expectOk(await deps.state.health())!.certificate!);
    expect(now).toMatchObject({ hostId: id, ekHash: first.ekHash, akName: first.akName });
    expect(now.resetCount).toBe(first.resetCount + 2);
  });

  it('is attested after shim and GRUB too, once that is a baseline beside the first', async () => {
    const host = await machine.boot('shim-ms');
    const deps = expectOk(await host.deps());
    expect(await attest(deps)).toMatchObject({ fault: { code: 'policy-denied' } });
    console.log(JSON.stringify(await latestDifferences(), null, 1));
    expect(await captureBaseline('shim')).toEqual(BASELINE_PCRS);
    expect(claimsOf(expectOk(await attest(deps))).resetCount).toBe(first.resetCount + 3);
  });

  /** Takes the last boot as a baseline. Gives the PCRs it names. */
  async function captureBaseline(name: string): Promise<readonly number[]> {
    const body = { hostId: id, name };
    const { pcrs } = expectOk(await hgs.administrator.call(attestationRoutes.captureBaseline, { body }));
    return pcrs.map(({ index }) => index);
  }

  /** What the administrator sees of the last refusal. */
  async function latestDifferences() {
    const shown = expectOk(await hgs.administrator.call(attestationRoutes.showHost, { params: { id } }));
    const [latest] = shown.verdicts;
    return (latest?.findings ?? []).filter(({ effect }) => effect === 'refuse');
  }
});

const BASELINE_PCRS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14];

function claimsOf({ certificate }: HealthCertificate): Claims {
  const { extensions } = expectOk(parseCertificate(certificate));
  return expectOk(readClaims(extensions.all.get(HOST_HEALTH_CLAIMS)!.value));
}

async function transientObjects({ tpm }: Pick<HostDeps, 'tpm'>) {
  const parameters = { capability: 'handles', property: 0x80000000, propertyCount: 16 } as const;
  const { capabilityData } = expectOk(await tpm.run('GetCapability', { parameters })).parameters;
  return (capabilityData as { handles?: readonly number[] }).handles;
}
