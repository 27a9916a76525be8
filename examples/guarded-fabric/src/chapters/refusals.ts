import { setTimeout as sleep } from 'node:timers/promises';
import { toBase64Url } from '@sekimori/bytes';
import {
  activate,
  attest,
  collectEvidence,
  enrol,
  type HealthCertificate,
  hostIdentity,
  platformIdentifier,
} from '@sekimori/guarded-host';
import { attestationRoutes, keyProtectionRoutes } from '@sekimori/protocol';
import { createAttestationKey } from '@sekimori/tpm2';
import type { Cast } from '../cast.ts';
import { granted, refused } from '../expect.ts';
import { startFabric } from '../fabric.ts';
import { type Machine, makeMachine } from '../machine/host.ts';
import { approve } from './enrol.ts';

/** What must never pass: strangers, replays, other keys, certificates past their time, revoked hosts. */
export async function refuse(cast: Cast, host: Machine, id: string, protector: Uint8Array): Promise<void> {
  const { story, maker } = cast;
  story.chapter('6  What else is refused');
  const stranger = await story.step('a second machine, which nobody enrolled', async () => {
    const made = await makeMachine(cast.folder, maker, cast.fabric, `stranger-${cast.run}`);
    cast.machines.push(made);
    await made.boot(cast.boots.approved);
    return { value: made, lines: ['the same boot, byte for byte, in another TPM'] };
  });
  await story.step('it asks for a challenge: nobody knows it', async () => {
    const body = { hostId: crypto.randomUUID() };
    return refused(await stranger.deps.attestation.call(attestationRoutes.challenge, { body }), 'unknown-host');
  });
  await story.step("it signs the enrolled host's challenge with its own TPM", async () => {
    const evidence = granted(await collectEvidence(stranger.deps, await challenge(cast, id), { hostId: id }));
    return refused(
      await host.deps.attestation.call(attestationRoutes.attest, { body: evidence }),
      'evidence-refused/quote-signature',
    );
  });
  await story.step('it takes the enrolled TPM for its own', async () => {
    const { intermediates } = await maker.vendor();
    const stolen = granted(await platformIdentifier(host.deps.tpm, { name: `copy-${cast.run}`, intermediates }));
    return refused(await cast.fabric.attestation.call(attestationRoutes.enrolHost, { body: stolen }), 'duplicate-ek');
  });
  await story.step('a quote by another key of the enrolled TPM', async () => {
    const attestationKey = (tpm: typeof host.deps.tpm) => createAttestationKey(tpm, 'rsa-2048');
    const evidence = granted(await collectEvidence(host.deps, await challenge(cast, id), { attestationKey }));
    return refused(
      await host.deps.attestation.call(attestationRoutes.attest, { body: evidence }),
      'evidence-refused/quote-signature',
    );
  });
  await story.step('a challenge that was used', async () => {
    const evidence = granted(await collectEvidence(host.deps, await challenge(cast, id)));
    granted(await host.deps.attestation.call(attestationRoutes.attest, { body: evidence }));
    return refused(await host.deps.attestation.call(attestationRoutes.attest, { body: evidence }), 'challenge-used');
  });
  await story.step('the key protector with one character changed', async () => {
    const changed = withOtherCipher(protector);
    const health = granted(await attest(host.deps));
    return refused(await release(host, health, changed), 'protector-refused/protector-guardian-signature');
  });
  await expired(cast, host, protector);
  await revoked(cast, stranger, protector);
}

/** The first character of a wrapped key: still a well-formed document. */
function withOtherCipher(protector: Uint8Array): Uint8Array {
  const text = new TextDecoder().decode(protector);
  return new TextEncoder().encode(
    text.replace(/<CipherValue>(.)/, (_, first) => `<CipherValue>${first === 'A' ? 'B' : 'A'}`),
  );
}

async function expired(cast: Cast, host: Machine, protector: Uint8Array): Promise<void> {
  const SECONDS = 2;
  await restart(cast, { SEKIMORI_ATTESTATION_CERTIFICATE_SECONDS: String(SECONDS) });
  await cast.story.step(
    `a certificate that has ended (the services now issue them for ${SECONDS} seconds)`,
    async () => {
      const health = granted(await attest(host.deps));
      await sleep(health.notAfter.getTime() - Date.now() + 1000);
      return refused(await release(host, health, protector), 'health-certificate-refused/certificate-expired');
    },
  );
  await restart(cast);
}

/** The second machine is enrolled properly, has a good certificate, and is revoked. */
async function revoked(cast: Cast, host: Machine, protector: Uint8Array): Promise<void> {
  const { story, maker, fabric } = cast;
  const { id, health } = await story.step('the second machine is enrolled, approved and attested', async () => {
    const { intermediates } = await maker.vendor();
    const status = granted(await enrol(host.deps, { name: `node2-${cast.run}`, intermediates }));
    granted(await approve(cast, status.id, granted(await hostIdentity(host.deps.tpm)).ekFingerprint));
    granted(await activate(host.deps));
    return { value: { id: status.id, health: granted(await attest(host.deps)) } };
  });
  await story.step('the administrator revokes it: its certificate releases nothing within seconds', async () => {
    const body = { reason: 'part of the story' };
    granted(await fabric.attestation.call(attestationRoutes.revokeHost, { params: { id }, body }));
    let outcome = await release(host, health, protector);
    // The key protection service fetches revocations every five seconds.
    for (let waited = 0; outcome.ok && waited < 15_000; waited += 250) {
      await sleep(250);
      outcome = await release(host, health, protector);
    }
    return refused(outcome, 'health-certificate-refused/certificate-revoked');
  });
  await story.step('and it is not attested any more', async () => refused(await attest(host.deps), 'host-revoked'));
}

async function restart(cast: Cast, env: Readonly<Record<string, string>> = {}): Promise<void> {
  await cast.fabric.close();
  cast.fabric = await startFabric(cast.data, env);
  for (const machine of cast.machines) await machine.connect(cast.fabric);
}

async function challenge(cast: Cast, hostId: string) {
  return granted(await cast.fabric.attestation.call(attestationRoutes.challenge, { body: { hostId } }));
}

function release(host: Machine, health: HealthCertificate, protector: Uint8Array) {
  const healthCertificate = [toBase64Url(health.certificate), toBase64Url(health.signer)];
  return host.deps.keyProtection.call(keyProtectionRoutes.release, {
    body: { protector: toBase64Url(protector), healthCertificate },
  });
}
