import { toHex } from '@sekimori/bytes';
import { Secret, randomUuid } from '@sekimori/crypto-core';
import type { ActivationReply, HostStatus } from '@sekimori/protocol';
import { activationProof, AttestationKey, EndorsementKey } from '@sekimori/quote-verifier';
import { describeFault, expectOk, fail, ok, type Result } from '@sekimori/result';
import type { RefusalFault } from '@sekimori/service-kit';
import type { HostRecord } from '@sekimori/store';
import { type Credential, makeCredential } from '@sekimori/tpm2';
import type { AttestationDeps } from '../deps.ts';
import { hostStatus, readBytes, toBase64Url } from '../wire.ts';

type OpenRefusal = RefusalFault<
  | 'malformed-request'
  | 'unknown-host'
  | 'host-revoked'
  | 'host-not-approved'
  | 'host-already-active'
  | 'attestation-key-refused'
>;

/**
 * Encrypts a fresh secret to each endorsement key of the host under the Name of the attestation key: only the TPM that holds them
 * all can open them (TPM 2.0 Part 1, 24). Neither a secret nor the proof is kept, only the proof's hash.
 */
export const openActivation =
  (deps: AttestationDeps) =>
  async (request: {
    readonly hostId: string;
    readonly akPublic: string;
  }): Promise<Result<ActivationReply, OpenRefusal>> => {
    const akPublic = readBytes(request.akPublic, 'akPublic');
    if (!akPublic.ok) return akPublic;
    const host = await deps.store.host(request.hostId);
    if (!host) return fail('unknown-host', 'no host has this identifier');
    if (host.state === 'revoked') return fail('host-revoked', 'the host was revoked');
    if (host.state === 'active') return fail('host-already-active', 'the host has an attestation key');
    if (host.state !== 'approved') return fail('host-not-approved', 'an administrator has not approved the host');
    const key = AttestationKey.enrol(deps.crypto, akPublic.value);
    if (!key.ok)
      return {
        ok: false,
        fault: { code: 'attestation-key-refused', detail: describeFault(key.fault), subStatus: [key.fault.code] },
      };
    const { name } = key.value;
    const made = credentialsFor(deps, host, name);
    if (!made.ok) return made;
    const at = deps.clock.now();
    const expiresAt = new Date(at.getTime() + 1000 * deps.settings.activationSeconds);
    const opened = await deps.store.openActivation({
      activationId: randomUuid(deps.crypto),
      hostId: host.id,
      attestationKey: { public: akPublic.value, name },
      expiresAt,
      proofHash: made.value.proofHash,
    });
    if (!opened.ok) return opened;
    return ok({
      activationId: opened.value.activationId,
      credentials: made.value.credentials.map(({ credentialBlob, encryptedSecret }) => ({
        credentialBlob: toBase64Url(credentialBlob),
        encryptedSecret: toBase64Url(encryptedSecret),
      })),
      expiresAt: expiresAt.toISOString(),
    });
  };

function credentialsFor(
  { crypto }: AttestationDeps,
  host: HostRecord,
  name: Uint8Array,
): Result<
  { readonly credentials: readonly Credential[]; readonly proofHash: string },
  RefusalFault<'attestation-key-refused'>
> {
  const fresh = () => new Secret(crypto.random(32));
  const [first, ...others] = host.endorsementKeys;
  const secrets = [fresh(), ...others.map(fresh)] as const;
  const credentials: Credential[] = [];
  try {
    for (const [at, { public: area }] of [first, ...others].entries()) {
      const ek = expectOk(EndorsementKey.check(crypto, area)); // checked at enrolment
      const credential = makeCredential(crypto, ek.publicArea, name, secrets[at]!);
      if (!credential.ok)
        return { ok: false, fault: { code: 'attestation-key-refused', detail: credential.fault.detail } };
      credentials.push(credential.value);
    }
    const proof = activationProof(crypto, secrets, host.id, name);
    return ok({ credentials, proofHash: toHex(crypto.hash('sha256', proof)) });
  } finally {
    for (const secret of secrets) secret.wipe();
  }
}

/** `activation-failed` whatever the reason: the row is used up, and nothing about the secret is told. */
export const completeActivation =
  (deps: AttestationDeps) =>
  async (
    request: { readonly activationId: string; readonly proof: string },
    traceId: string,
  ): Promise<Result<HostStatus, RefusalFault<'malformed-request' | 'activation-failed'>>> => {
    const proof = readBytes(request.proof, 'proof');
    if (!proof.ok) return proof;
    const at = deps.clock.now();
    const activation = await deps.store.activation(request.activationId);
    if (!activation) return fail('activation-failed', 'there is no such activation, or it was used');
    const draft = { at, actor: 'anyone', subject: `host:${activation.hostId}`, traceId };
    const body = { attestationKey: toHex(activation.attestationKey.name) };
    const completed = await deps.store.completeActivation({
      activationId: request.activationId,
      proofHash: toHex(deps.crypto.hash('sha256', proof.value)),
      at,
      audit: {
        completed: { ...draft, kind: 'host.activated', body },
        failed: { ...draft, kind: 'activation.failed', body },
      },
    });
    if (!completed.ok)
      return fail('activation-failed', 'the TPM did not prove that all keys live in it', { cause: completed.fault });
    return ok(hostStatus(completed.value));
  };
