import { fromBase64Url, toBase64Url } from '@sekimori/bytes';
import { type ActivationReply, attestationRoutes, type HostStatus } from '@sekimori/protocol';
import { activationProof } from '@sekimori/quote-verifier';
import type { Result } from '@sekimori/result';
import { activateCredential, createAttestationKey, type LoadedKey } from '@sekimori/tpm2';
import type { HostDeps } from './deps.ts';
import { withEnrolledKey } from './endorsement.ts';
import { type HostFault, hostFault } from './faults.ts';
import type { Enrolment } from './state/state.ts';

type ActivateDeps = Pick<HostDeps, 'crypto' | 'tpm' | 'attestation' | 'state'>;

/**
 * Proves to the service that the attestation key lives beside the approved endorsement key (TPM2_ActivateCredential): the host is active
 * then. A failed attempt is used up; another call starts anew.
 */
export async function activate(deps: ActivateDeps): Promise<Result<HostStatus, HostFault>> {
  const enrolment = await deps.state.enrolment();
  if (!enrolment.ok) return enrolment;
  const host = enrolment.value;
  if (!host) return hostFault('not-enrolled', 'this host is not enrolled');
  return withEnrolledKey(deps.tpm, host, async (endorsementKey) => {
    const made = await createAttestationKey(deps.tpm);
    if (!made.ok) return made;
    try {
      return await prove(deps, host, endorsementKey, made.value);
    } finally {
      await deps.tpm.flush(made.value.handle);
    }
  });
}

async function prove(
  { crypto, tpm, attestation }: ActivateDeps,
  { hostId }: Enrolment,
  endorsementKey: LoadedKey,
  attestationKey: LoadedKey,
): Promise<Result<HostStatus, HostFault>> {
  const body = { akPublic: toBase64Url(attestationKey.tpm2bPublic) };
  const opened = await attestation.call(attestationRoutes.openActivation, { params: { id: hostId }, body });
  if (!opened.ok) return opened;
  const credential = credentialOf(opened.value);
  if (!credential) return hostFault('service-unexpected', 'the credential is not base64url');
  const secret = await activateCredential(tpm, endorsementKey, attestationKey, credential);
  if (!secret.ok) return secret;
  const proof = toBase64Url(activationProof(crypto, secret.value, hostId, attestationKey.name));
  secret.value.wipe();
  const params = { id: opened.value.activationId };
  return attestation.call(attestationRoutes.completeActivation, { params, body: { proof } });
}

function credentialOf(reply: ActivationReply) {
  const [credentialBlob, encryptedSecret] = [fromBase64Url(reply.credentialBlob), fromBase64Url(reply.encryptedSecret)];
  return credentialBlob && encryptedSecret ? { credentialBlob, encryptedSecret } : undefined;
}
