import { concat } from '@sekimori/bytes';
import type { Crypto, EcPublicKey, HashName } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import { TPMA_OBJECT } from '../structures/attributes.ts';
import type { Tpm, TpmResult } from '../client/client.ts';
import { TPM_RH } from '../structures/handles.ts';
import { nameOf, pointOf } from '../structures/names.ts';
import { PolicyDigest } from './digest.ts';
import { type PublicArea, publicArea } from '../structures/public-area.ts';
import type { Session } from '../client/session.ts';
import type { TpmtSignature } from '../structures/signature.ts';

// TPM2_PolicyAuthorize: an object whose policy is "whatever this key signed for". Part 3, 23.16; Part 1, 19.7.

/** The public area under which a signer of policies is loaded: its Name is part of the policy, so nothing of it may vary. */
export function policySigner(key: EcPublicKey): PublicArea {
  return publicArea({
    type: 'ecc',
    nameAlg: 'sha256',
    objectAttributes: TPMA_OBJECT.of('sign', 'userWithAuth'),
    authPolicy: new Uint8Array(0),
    parameters: {
      is: 'ecc',
      value: {
        symmetric: { algorithm: 'null' },
        scheme: { scheme: 'ecdsa', hashAlg: 'sha256' },
        curveID: key.curve,
        kdf: { scheme: 'null' },
      },
    },
    unique: { is: 'ecc', value: pointOf(key) },
  });
}

/** The policy of an object with nameAlg `hash` that opens under every policy that `signer` signed for, together with `policyRef`. */
export function authorizedPolicy(
  crypto: Crypto,
  signer: PublicArea,
  policyRef: Uint8Array,
  hash: HashName = 'sha256',
): Uint8Array {
  return PolicyDigest.authorize(crypto, hash, nameOf(crypto, signer), policyRef).digest;
}

/** What the signer signs, in its scheme with the hash of its nameAlg; the TPM calls the digest aHash. Part 3, 23.16. */
export function approvalOf(approvedPolicy: Uint8Array, policyRef: Uint8Array): Uint8Array {
  return concat(approvedPolicy, policyRef);
}

/** A policy, and the signature of whoever may approve it. Part 3, 23.16. */
export interface Approval {
  readonly signer: PublicArea;
  readonly policyRef: Uint8Array;
  /** The digest that the session has reached. */
  readonly approvedPolicy: Uint8Array;
  readonly signature: TpmtSignature;
}

/**
 * TPM2_VerifySignature and TPM2_PolicyAuthorize in a policy session. TPM_RC_SIGNATURE: not signed by `signer`;
 * TPM_RC_VALUE: the session has reached another policy.
 */
export async function authorizePolicy(tpm: Tpm, session: Session, approval: Approval): Promise<TpmResult<void>> {
  const { signer, policyRef, approvedPolicy, signature } = approval;
  const loaded = await tpm.run('LoadExternal', {
    // A ticket of the NULL hierarchy would be worth nothing.
    parameters: { inPrivate: undefined, inPublic: signer, hierarchy: TPM_RH.owner },
  });
  if (!loaded.ok) return loaded;
  const digest = tpm.crypto.hash(signer.value.nameAlg, approvalOf(approvedPolicy, policyRef));
  const verified = await tpm.run('VerifySignature', {
    handles: { keyHandle: loaded.value.handle },
    parameters: { digest, signature },
  });
  await tpm.flush(loaded.value.handle);
  if (!verified.ok) return verified;
  const authorized = await tpm.run('PolicyAuthorize', {
    handles: { policySession: session.handle },
    parameters: {
      approvedPolicy,
      policyRef,
      keySign: nameOf(tpm.crypto, signer),
      checkTicket: verified.value.parameters.validation,
    },
  });
  return authorized.ok ? ok(undefined) : authorized;
}
