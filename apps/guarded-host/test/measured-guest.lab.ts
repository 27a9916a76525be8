import { type Claims, HOST_HEALTH_CLAIMS, readClaims } from '@sekimori/health-certificate';
import { labIsMissing } from '@sekimori/lab';
import { parseCertificate } from '@sekimori/pki';
import { attestationRoutes } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { activate, attest, type AttestDeps, enrol, type HealthCertificate, releaseKeys } from '../src/index.ts';
import { type Hgs, openHgs } from './support/hgs.ts';
import { aMeasuredHost, type MeasuredHost } from './support/measured-host.ts';
import { aProtector, hexOf, openedBy } from './support/protector.ts';

// One machine from its first boot to its last: each test goes on where the one before ended.
describe.skipIf(labIsMissing())('a guarded host whose boots are really measured', () => {
  let hgs: Hgs;
  let machine: MeasuredHost;
  let id: string;
  let first: Claims;

  beforeAll(async () => {
    hgs = await openHgs(undefined, { SEKIMORI_ATTESTATION_PCRS: JSON.stringify([...BASELINE_PCRS, 10]) });
    machine = await aMeasuredHost(hgs);
  });
  afterAll(async () => {
    await machine?.remove();
    await hgs?.close();
  });

  it('is attested once its boot is a baseline, and opens a key protector with its TPM', async () => {
    const { deps, pair, vendor } = await machine.boot('uki-snakeoil');
    await hgs.trust(vendor.root);
    const enrolled = expectOk(await enrol(deps, { name: 'measured', intermediates: vendor.intermediates }));
    id = enrolled.id;
    await hgs.approve(id, enrolled.ekFingerprint);
    expect(expectOk(await activate(deps)).state).toBe('active');

    expect(await attest(deps)).toMatchObject({ fault: { code: 'policy-denied', subStatus: ['SecureBootSettings'] } });
    expect(await hgs.captureBaseline(id, 'uki')).toEqual(BASELINE_PCRS);
    first = claimsOf(expectOk(await attest(deps)));
    expect(first).toMatchObject({ hostId: id, level: 'measured', restartCount: 0 });
    // all of this machine is in its initramfs, so the list of IMA has boot_aggregate alone
    const { verdicts } = expectOk(await hgs.administrator.call(attestationRoutes.showHost, { params: { id } }));
    expect(verdicts[0]).toMatchObject({ good: true, ima: { entries: 1, violations: 0, extended: 'own-digest' } });

    const { protector, transportKey, owner } = await aProtector(pair);
    const { keys, egressProtector } = expectOk(await releaseKeys(pair, protector));
    expect(hexOf(keys.ingress)).toBe(transportKey);
    expect(hexOf(keys.egress)).toBe(await openedBy(owner, egressProtector));
    expect(await transientObjects(deps)).toMatchObject({ handles: [] });
  });

  it('gets no key after another kernel command line, though it kept a certificate; PCRs and events are named', async () => {
    const { deps, pair } = await machine.boot('uki-snakeoil-cmdline-changed');
    expect(expectOk(await deps.state.health())?.certificate).toBeDefined();
    const { protector } = await aProtector(pair);
    expect(await releaseKeys(pair, protector)).toMatchObject({
      fault: { code: 'policy-denied', subStatus: ['CodeIntegrityPolicy', 'SecureBootSettings'] },
    });
    expect(expectOk(await deps.state.health())?.certificate).toBeUndefined();
    expect(await latestRefusals()).toEqual([
      'PCR 11: EV_IPL, content of UKI section .cmdline',
      'PCR 9: EV_EVENT_TAG, object LOADED_IMAGE::LoadOptions (tag 0x8f3b22ed)',
      'PCR 4: EV_EFI_BOOT_SERVICES_APPLICATION, image \\EFI\\BOOT\\BOOTX64.EFI',
    ]);
  });

  it('gets keys again after the approved boot, as the same TPM two resets later', async () => {
    const { deps, pair } = await machine.boot('uki-snakeoil');
    const { protector, transportKey } = await aProtector(pair);
    expect(hexOf(expectOk(await releaseKeys(pair, protector)).keys.ingress)).toBe(transportKey);
    const now = claimsOf(expectOk(await deps.state.health())!.certificate!);
    expect(now).toMatchObject({ hostId: id, ekHash: first.ekHash, akName: first.akName, restartCount: 0 });
    expect(now.resetCount).toBe(first.resetCount + 2);
  });

  it('is attested after shim and GRUB, once that is a baseline beside the first', async () => {
    const { deps } = await machine.boot('shim-ms');
    expect(await attest(deps)).toMatchObject({ fault: { code: 'policy-denied' } });
    // Other keys for Secure Boot, GRUB in place of the UKI, the lists of shim.
    expect((await latestRefusals()).map((line) => line.split(':')[0])).toEqual(
      [7, 11, 8, 9, 14, 4].map((pcr) => `PCR ${pcr}`),
    );
    expect(await hgs.captureBaseline(id, 'shim')).toEqual(BASELINE_PCRS);
    expect(claimsOf(expectOk(await attest(deps))).resetCount).toBe(first.resetCount + 3);
  });

  /** What the administrator sees of the last refusal: each PCR with its first event that differs. */
  async function latestRefusals(): Promise<readonly string[]> {
    const { verdicts } = expectOk(await hgs.administrator.call(attestationRoutes.showHost, { params: { id } }));
    const refusals = verdicts[0]?.findings.filter(({ effect }) => effect === 'refuse') ?? [];
    return refusals.map(({ pcr, event }) => {
      const seen = event?.actual ?? event?.expected;
      return `PCR ${pcr}: ${seen?.type}, ${seen?.description}`;
    });
  }
});

const BASELINE_PCRS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14];

function claimsOf({ certificate }: HealthCertificate): Claims {
  const { extensions } = expectOk(parseCertificate(certificate));
  return expectOk(readClaims(extensions.all.get(HOST_HEALTH_CLAIMS)!.value));
}

/** Handles of what the kernel's resource manager holds for this connection, of the three objects it allows. */
async function transientObjects({ tpm }: Pick<AttestDeps, 'tpm'>): Promise<unknown> {
  const parameters = { capability: 'handles', property: 0x80000000, propertyCount: 16 } as const;
  return expectOk(await tpm.run('GetCapability', { parameters })).parameters.capabilityData;
}
