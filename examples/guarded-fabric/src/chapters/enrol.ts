import { toBase64Url, toHex } from '@sekimori/bytes';
import { activate, attest, enrol, hostIdentity } from '@sekimori/guarded-host';
import { parseCertificate } from '@sekimori/pki';
import { attestationRoutes } from '@sekimori/protocol';
import { readPcrs } from '@sekimori/tpm2';
import type { Cast } from '../cast.ts';
import { granted, refused } from '../expect.ts';
import { type Machine, makeMachine } from '../machine/host.ts';

/** A host boots, is enrolled and approved, and its boot becomes the baseline: it ends with a health certificate. */
export async function enrolHost(cast: Cast): Promise<{ readonly host: Machine; readonly id: string }> {
  const { story, maker, fabric, boots } = cast;
  const name = `node1-${cast.run}`;

  story.chapter('1  A host boots');
  const host = await story.step('a machine with a TPM of its own', async () => {
    const made = await makeMachine(cast.folder, maker, fabric, name);
    cast.machines.push(made);
    const { ekCertificate } = granted(await hostIdentity(made.deps.tpm));
    return {
      value: made,
      lines: [`${name}: ${maker.kind === 'swtpm' ? 'swtpm' : 'software TPM'}; endorsed by ${ekCertificate.issuer}`],
    };
  });
  await story.step('its firmware measures what it boots, as recorded from a real boot', async () => {
    await host.boot(boots.approved);
    const pcrs = granted(await readPcrs(host.deps.tpm, { bank: 'sha256', indices: [4, 11] }));
    const shown = [...pcrs].map(([index, value]) => `PCR ${index} ${toHex(value).slice(0, 16)}…`).join('  ');
    return {
      value: undefined,
      lines: [`${boots.approved.measurements.length} measurements: ${boots.approved.commandLine}`, shown],
    };
  });

  story.chapter('2  It is enrolled and attested');
  await story.step('the administrator trusts the vendor of these TPMs', async () => {
    const { root } = await maker.vendor();
    const body = {
      certificate: toBase64Url(root),
      vendor: `${maker.kind} of the demonstration`,
      insecureSoftwareTpm: true,
    };
    const added = await fabric.attestation.call(attestationRoutes.addTpmRoot, { body });
    if (!added.ok && added.fault.code !== 'duplicate-tpm-root') granted(added);
    const subject = granted(parseCertificate(root)).subject.text;
    return { value: undefined, lines: [`${subject} (a software TPM, so only with --insecure-software-tpm)`] };
  });
  const { intermediates } = await maker.vendor();
  const pending = await story.step('the host asks to be enrolled', async () => {
    const status = granted(await enrol(host.deps, { name, intermediates }));
    return { value: status, lines: [`pending as ${status.id}`] };
  });
  const { id } = pending;
  await story.step('before approval: no challenge', async () =>
    refused(await fabric.attestation.call(attestationRoutes.challenge, { body: { hostId: id } }), 'host-not-approved'),
  );
  await story.step('approval under another fingerprint', async () =>
    refused(await approve(cast, id, 'ab'.repeat(32)), 'fingerprint-mismatch'),
  );
  await story.step('the administrator compares the EK fingerprint at the machine and approves', async () => {
    const { ekFingerprint } = granted(await hostIdentity(host.deps.tpm));
    const approved = granted(await approve(cast, id, ekFingerprint));
    return { value: approved, lines: [`EK fingerprint ${ekFingerprint}`] };
  });
  await story.step('the TPM proves that the attestation key lives beside that EK', async () => {
    const active = granted(await activate(host.deps));
    return { value: active, lines: [`${active.name} is ${active.state}`] };
  });
  await retireOldBaselines(cast);
  await story.step('attestation before any boot was approved', async () =>
    refused(await attest(host.deps), 'policy-denied/SecureBootSettings'),
  );
  await story.step('the administrator takes this boot as the baseline', async () => {
    const { verdicts } = granted(await fabric.attestation.call(attestationRoutes.showHost, { params: { id } }));
    const reviewed = verdicts[0];
    if (!reviewed) throw new Error('the refused attestation left no verdict');
    const body = { name: `uki-${cast.run}`, hostId: id, traceId: reviewed.traceId };
    const baseline = granted(await fabric.attestation.call(attestationRoutes.captureBaseline, { body }));
    return {
      value: undefined,
      lines: [
        `${baseline.name}, reviewed under trace ${reviewed.traceId}: PCRs ${baseline.pcrs.map(({ index }) => index).join(', ')}`,
      ],
    };
  });
  await story.step('attestation: the host gets a health certificate', async () => {
    const health = granted(await attest(host.deps));
    const { serial } = granted(parseCertificate(health.certificate));
    return { value: undefined, lines: [`serial ${serial}, good until ${health.notAfter.toISOString()}`] };
  });
  return { host, id };
}

export function approve({ fabric }: Cast, id: string, ekFingerprint: string) {
  return fabric.attestation.call(attestationRoutes.approveHost, { params: { id }, body: { ekFingerprint } });
}

/** Each run approves the boot anew, so what an earlier one approved is retired first. */
async function retireOldBaselines({ fabric }: Cast): Promise<void> {
  const { baselines } = granted(await fabric.attestation.call(attestationRoutes.listBaselines));
  for (const { id, state } of baselines)
    if (state === 'active')
      granted(await fabric.attestation.call(attestationRoutes.retireBaseline, { params: { id }, body: {} }));
}
