import { equal } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import { type Crypto, type EcPublicKey, type HashName, Secret } from '@sekimori/crypto-core';
import { type Fault, fail, ok } from '@sekimori/result';
import { TPM2B_ENCRYPTED_SECRET } from '../structures/buffers.ts';
import type { Tpm, TpmResult } from '../client/client.ts';
import type { Credential } from '../protection/credential.ts';
import { TPM_RH } from '../structures/handles.ts';
import { pointOf, xOf } from '../structures/names.ts';
import { TPM2B_ID_OBJECT } from '../structures/objects.ts';
import { createPrimary, type LoadedKey, readPcrs } from '../client/operations.ts';
import { type PcrSelection, pcrDigestOf } from '../structures/pcr-selection.ts';
import { EK_POLICY_A, EK_POLICY_B, EK_POLICY_C, PolicyDigest } from '../policy/digest.ts';
import { restartingPolicy, type SaltKey } from '../policy/restart.ts';
import type { PublicArea } from '../structures/public-area.ts';
import type { Session } from '../client/session.ts';
import { AK_ECC_P256, AK_RSA_2048, HEALTH_KEY_NAME_ALG, healthKeyTemplate } from './templates.ts';

// What a guarded host does with its TPM. Keys that are made here are transient: the caller flushes them.

/** The attestation key: a primary of the endorsement hierarchy, so the same one each time it is made. */
export function createAttestationKey(
  tpm: Tpm,
  kind: 'ecc-p256' | 'rsa-2048' = 'ecc-p256',
): Promise<TpmResult<LoadedKey>> {
  return createPrimary(tpm, TPM_RH.endorsement, kind === 'ecc-p256' ? AK_ECC_P256 : AK_RSA_2048);
}

/** `invalid-key`: the endorsement key's public key is not sound. `credential-malformed`: no TPM2B_ID_OBJECT or TPM2B_ENCRYPTED_SECRET. `endorsement-policy`: the key's policy is none of the EK Credential Profile's. */
export type ActivationFault = Fault<'invalid-key' | 'credential-malformed' | 'endorsement-policy'>;

/**
 * TPM2_ActivateCredential in a session salted to the endorsement key, the secret encrypted on its way. Of the TPM's
 * refusals TPM_RC_INTEGRITY means: made for another key or Name. `endorsement-policy`: the key's policy is none of the
 * profile's.
 */
export async function activateCredential(
  tpm: Tpm,
  endorsementKey: LoadedKey,
  attestationKey: LoadedKey,
  credential: Credential,
): Promise<TpmResult<Secret, ActivationFault>> {
  const blob = decode(TPM2B_ID_OBJECT, credential.credentialBlob);
  const encrypted = decode(TPM2B_ENCRYPTED_SECRET, credential.encryptedSecret);
  if (!blob.ok) return fail('credential-malformed', 'TPM2B_ID_OBJECT', { cause: blob.fault });
  if (!encrypted.ok) return fail('credential-malformed', 'TPM2B_ENCRYPTED_SECRET', { cause: encrypted.fault });
  const authHash = endorsementKey.publicArea.value.nameAlg;
  return tpm.withSession({ type: 'policy', authHash, saltTo: endorsementKey }, async (session) => {
    const satisfied = await satisfyEndorsementPolicy(tpm, session, endorsementKey.publicArea);
    if (!satisfied.ok) return satisfied;
    const activated = await tpm.runForSecret('ActivateCredential', {
      handles: { activateHandle: attestationKey, keyHandle: endorsementKey },
      parameters: { credentialBlob: blob.value, secret: encrypted.value },
      authorize: [{ password: NO_PASSWORD }, { session, encrypt: true }],
    });
    if (!activated.ok) return activated;
    const { certInfo } = activated.value.parameters;
    const secret = new Secret(certInfo);
    certInfo.fill(0);
    return ok(secret);
  });
}

const NO_PASSWORD = new Secret(new Uint8Array(0));
const NONE = new Uint8Array(0);

/** PolicyA or PolicyB of the EK Credential Profile. */
async function satisfyEndorsementPolicy(
  tpm: Tpm,
  session: Session,
  area: PublicArea,
): Promise<TpmResult<void, Fault<'endorsement-policy'>>> {
  const { nameAlg, authPolicy } = area.value;
  if (nameAlg === 'sha1') return fail('endorsement-policy', 'the endorsement key has nameAlg SHA-1');
  const [a, b, c] = [EK_POLICY_A[nameAlg], EK_POLICY_B[nameAlg], EK_POLICY_C[nameAlg]];
  if (!equal(authPolicy, a) && !equal(authPolicy, b))
    return fail('endorsement-policy', 'the endorsement key has another policy than the EK Credential Profile');
  const policySession = session.handle;
  const secret = await tpm.run('PolicySecret', {
    handles: { authHandle: TPM_RH.endorsement, policySession },
    parameters: { nonceTPM: NONE, cpHashA: NONE, policyRef: NONE, expiration: 0 },
  });
  if (!secret.ok) return secret;
  if (equal(authPolicy, a)) return ok(undefined);
  const either = await tpm.run('PolicyOR', { handles: { policySession }, parameters: { pHashList: [a, c] } });
  return either.ok ? ok(undefined) : either;
}

/** The policy of a health key: PolicyPCR over these values of these PCRs, and nothing else. */
export function healthKeyPolicy(
  crypto: Crypto,
  selection: PcrSelection,
  values: ReadonlyMap<number, Uint8Array>,
): Uint8Array | undefined {
  const ordered = selection.indices.toSorted((x, y) => x - y).map((index) => values.get(index));
  if (ordered.length === 0 || !ordered.every((value) => value !== undefined)) return undefined;
  const hash: HashName = HEALTH_KEY_NAME_ALG;
  return PolicyDigest.start(crypto, hash).pcr([selection], pcrDigestOf(crypto, hash, ordered)).digest;
}

/**
 * The health key: a primary of the NULL hierarchy, so it dies with the boot, usable while the selected PCRs keep the
 * values they have now. The selection must not hold PCR 10, which grows. `pcr-unavailable`: the
 * bank or a PCR of it does not exist; `pcr-unstable`: PCRs kept changing.
 */
export async function createHealthKey(
  tpm: Tpm,
  selection: PcrSelection,
): Promise<TpmResult<LoadedKey, Fault<'pcr-unavailable' | 'pcr-unstable'>>> {
  const values = await readPcrs(tpm, selection);
  if (!values.ok) return values;
  const policy = healthKeyPolicy(tpm.crypto, selection, values.value);
  if (!policy) return fail('pcr-unavailable', 'a health key needs PCRs for its policy');
  return createPrimary(tpm, TPM_RH.null, healthKeyTemplate(policy));
}

/**
 * TPM2_ECDH_ZGen: the x-coordinate of the point shared with `peer`. A policy session salted to `saltTo` with the answer
 * encrypted; TPM_RC_PCR_CHANGED starts another one. TPM_RC_POLICY_FAIL means that a PCR of the key's policy changed.
 * `invalid-key`: the public key of `saltTo` is not sound. Part 3, 14.5.
 */
export async function agreeWithHealthKey(
  tpm: Tpm,
  saltTo: SaltKey,
  healthKey: LoadedKey,
  selection: PcrSelection,
  peer: EcPublicKey,
): Promise<TpmResult<Secret, Fault<'invalid-key'>>> {
  return restartingPolicy(tpm, saltTo, (session) => agreeOnce(tpm, session, healthKey, selection, peer));
}

async function agreeOnce(
  tpm: Tpm,
  session: Session,
  healthKey: LoadedKey,
  selection: PcrSelection,
  peer: EcPublicKey,
): Promise<TpmResult<Secret>> {
  const satisfied = await tpm.run('PolicyPCR', {
    handles: { policySession: session.handle },
    parameters: { pcrDigest: NONE, pcrs: [selection] },
  });
  if (!satisfied.ok) return satisfied;
  const agreed = await tpm.runForSecret('ECDH_ZGen', {
    handles: { keyHandle: healthKey },
    parameters: { inPoint: pointOf(peer) },
    authorize: [{ session, encrypt: true }],
  });
  if (!agreed.ok) return agreed;
  const { outPoint } = agreed.value.parameters;
  const x = xOf(outPoint, peer.curve);
  if (!x) return fail('tpm-malformed-response', 'TPM2_ECDH_ZGen gave a wider point than the curve has');
  const secret = new Secret(x);
  for (const part of [x, outPoint.x, outPoint.y]) part.fill(0);
  return ok(secret);
}
