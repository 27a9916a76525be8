import { fromBase64Url, toBase64Url } from '@sekimori/bytes';
import type { Secret } from '@sekimori/crypto-core';
import { type ActivationReply, attestationRoutes, type HostStatus } from '@sekimori/protocol';
import { activationProof } from '@sekimori/quote-verifier';
import type { Result } from '@sekimori/result';
import { activateCredential, createAttestationKey, type LoadedKey } from '@sekimori/tpm2';
import type { AttestDeps } from './deps.ts';
import { type OwnEndorsementKeys, withEnrolledKeys } from './endorsement.ts';
import { type HostFault, hostFault } from './faults.ts';
import type { Enrolment } from './state/state.ts';

type ActivateDeps = Pick<AttestDeps, 'crypto' | 'tpm' | 'attestation' | 'state'>;

/**
 * Proves to the service that the attestation key lives beside all enrolled endorsement keys (TPM2_ActivateCredential, once for each): the
 * host is active then. A failed attempt is used up; another call starts anew.
 */
export async function activate(deps: ActivateDeps): Promise<Result<HostStatus, HostFault>> {
  const enrolment = await deps.state.enrolment();
  if (!enrolment.ok) return enrolment;
  const host = enrolment.value;
  if (!host) return hostFault('not-enrolled', 'this host is not enrolled');
  // At most two endorsement keys that are not persistent, and the attestation key: three objects, which every TPM holds at once.
  return withEnrolledKeys(deps.tpm, host, async (endorsementKeys) => {
    const made = await createAttestationKey(deps.tpm);
    if (!made.ok) return made;
    try {
      return await prove(deps, host, endorsementKeys, made.value);
    } finally {
      await deps.tpm.flush(made.value.handle);
    }
  });
}

async function prove(
  { crypto, tpm, attestation }: ActivateDeps,
  { hostId }: Enrolment,
  endorsementKeys: OwnEndorsementKeys,
  attestationKey: LoadedKey,
): Promise<Result<HostStatus, HostFault>> {
  const body = { akPublic: toBase64Url(attestationKey.tpm2bPublic) };
  const opened = await attestation.call(attestationRoutes.openActivation, { params: { id: hostId }, body });
  if (!opened.ok) return opened;
  const { activationId, credentials } = opened.value;
  if (credentials.length !== endorsementKeys.length)
    return hostFault(
      'endorsement-key-changed',
      `enrolled were ${credentials.length} endorsement keys, this TPM has certificates for ${endorsementKeys.length}`,
    );
  const secrets: Secret[] = [];
  try {
    for (const [at, { key }] of endorsementKeys.entries()) {
      const credential = credentialOf(credentials[at]!);
      if (!credential) return hostFault('service-unexpected', 'a credential is not base64url');
      const secret = await activateCredential(tpm, key, attestationKey, credential);
      if (!secret.ok) return secret;
      secrets.push(secret.value);
    }
    const [first, ...others] = secrets;
    if (!first) return hostFault('service-unexpected', 'no credential came');
    const proof = toBase64Url(activationProof(crypto, [first, ...others], hostId, attestationKey.name));
    return await attestation.call(attestationRoutes.completeActivation, {
      params: { id: activationId },
      body: { proof },
    });
  } finally {
    for (const secret of secrets) secret.wipe();
  }
}

function credentialOf(sent: ActivationReply['credentials'][number]) {
  const [credentialBlob, encryptedSecret] = [fromBase64Url(sent.credentialBlob), fromBase64Url(sent.encryptedSecret)];
  return credentialBlob && encryptedSecret ? { credentialBlob, encryptedSecret } : undefined;
}
