/**
 * Every fault code that the native API answers with: HTTP status, what it means, what to do. Codes are API, words are not.
 * `docs/faults.md` lists the same codes; a test keeps both equal.
 */
export const FAULTS = {
  'malformed-request': {
    status: 400,
    means: 'the request is not what the schema of this route says',
    todo: 'compare it with the OpenAPI document',
  },
  unauthorized: {
    status: 401,
    means: 'no valid credential came with the request',
    todo: 'send the administrator token as a bearer token',
  },
  forbidden: {
    status: 403,
    means: 'the credential does not have the role that this route needs',
    todo: 'ask an administrator',
  },
  'not-found': { status: 404, means: 'there is no such route or thing', todo: 'check the address and the identifier' },
  'method-not-allowed': {
    status: 405,
    means: 'this route does not know the method',
    todo: 'compare it with the OpenAPI document',
  },
  'body-too-large': {
    status: 413,
    means: 'the body is larger than this route takes',
    todo: 'send less; a boot log has at most 1 MiB, a list of IMA 4 MiB',
  },
  'unsupported-media-type': { status: 415, means: 'the body is not application/json', todo: 'send application/json' },
  'too-many-requests': { status: 429, means: 'this address asks too often', todo: 'wait, then ask again' },
  internal: { status: 500, means: 'the service failed; nothing was granted', todo: 'look for the trace id in its log' },
  'not-ready': {
    status: 503,
    means: 'the service cannot decide now (starting, stopping, or a source it needs is stale)',
    todo: 'ask again later; see its /readyz',
  },

  'unknown-host': {
    status: 404,
    means: 'no host has this identifier',
    todo: "enrol it: 'sekimori-host identity' and 'sekimori host list'",
  },
  'duplicate-name': {
    status: 409,
    means: 'another host has this name',
    todo: 'choose another name, or remove the other host if it is revoked',
  },
  'duplicate-ek': {
    status: 409,
    means: 'another host has this endorsement key: one TPM is one host',
    todo: "find out which machine holds the TPM (cloned virtual TPMs share keys); if the other is revoked, 'sekimori host remove' frees the key",
  },
  'endorsement-key-refused': {
    status: 403,
    means: 'the endorsement key or its certificate is not that of a trusted TPM',
    todo: "see the sub-status; 'sekimori tpm-root add' trusts a vendor",
  },
  'host-not-pending': {
    status: 409,
    means: 'the host is not waiting for approval',
    todo: "see its state with 'sekimori host show'",
  },
  'host-not-revoked': {
    status: 409,
    means: 'only a revoked host is removed',
    todo: "'sekimori host revoke' first",
  },
  'fingerprint-mismatch': {
    status: 409,
    means: 'the fingerprint given is not that of the host',
    todo: 'do not approve: compare it at the machine itself',
  },
  'host-not-approved': {
    status: 409,
    means: 'an administrator has not approved the host',
    todo: "compare the EK fingerprint, then 'sekimori host approve'",
  },
  'host-already-active': {
    status: 409,
    means: 'the host has an attestation key already; it never changes by itself',
    todo: 'replacing it is an act of an operator, and is not there yet',
  },
  'host-not-active': {
    status: 409,
    means: 'the host has no attestation key yet',
    todo: "run 'sekimori-host identity' on it after approval",
  },
  'host-revoked': { status: 403, means: 'the host was revoked', todo: 'ask the HGS administrator' },
  'attestation-key-refused': {
    status: 403,
    means: 'the attestation key is not a restricted signing key of a TPM',
    todo: 'see the sub-status',
  },
  'activation-failed': {
    status: 403,
    means: 'the TPM did not prove that all keys live in it; the attempt is used up',
    todo: 'start a new activation',
  },
  'challenge-refused': {
    status: 403,
    means: 'the challenge is not one of ours, not for this host, or it has ended',
    todo: 'ask for a new challenge',
  },
  'challenge-used': { status: 403, means: 'the challenge was used before', todo: 'ask for a new challenge' },
  'evidence-refused': {
    status: 403,
    means: 'the evidence does not hold: see the sub-status',
    todo: 'attest again; if it stays, an administrator reads the findings under the trace id',
  },
  'policy-denied': {
    status: 403,
    means: 'the evidence is authentic and the policy refuses it',
    todo: 'an administrator reads the findings under the trace id',
  },

  'duplicate-tpm-root': {
    status: 409,
    means: 'this root is trusted already',
    todo: "see 'sekimori tpm-root list'",
  },
  'unknown-tpm-root': {
    status: 404,
    means: 'no trusted root has this fingerprint',
    todo: "see 'sekimori tpm-root list'",
  },
  'software-tpm': {
    status: 400,
    means: 'a vendor id of software TPMs was named without the insecure flag',
    todo: 'send insecureSoftwareTpm if that is meant; such a TPM protects nothing from root of its machine',
  },
  'no-evidence': {
    status: 409,
    means: 'the host has not sent authentic evidence yet',
    todo: "run 'sekimori-host attest' on it",
  },
  'evidence-changed': {
    status: 409,
    means: 'the verdict that was reviewed is not among the latest of the host',
    todo: "review it again with 'sekimori host show', then capture with that trace id",
  },
  'duplicate-baseline': {
    status: 409,
    means: 'an active baseline has this name',
    todo: 'choose another name, or retire the other',
  },
  'unknown-baseline': { status: 404, means: 'no baseline has this identifier', todo: "see 'sekimori baseline list'" },

  'policy-changed': {
    status: 409,
    means: 'another version of the policy is in force than the one the change was made for',
    todo: "see 'sekimori policy show', then decide again",
  },
  'policy-weakened': {
    status: 400,
    means: 'the change weakens the policy, and the insecure field for it was not set',
    todo: "'sekimori policy set --help' names the flag",
  },

  'health-certificate-refused': {
    status: 403,
    means: 'the health certificate does not hold: see the sub-status',
    todo: 'attest again',
  },
  'client-key-mismatch': {
    status: 403,
    means: 'the TLS client key is not the one that the health certificate names',
    todo: 'connect with the key used at attestation',
  },
  'protector-refused': {
    status: 403,
    means: 'the key protector was refused: see the sub-status',
    todo: 'use the protector as it came from its owner or from the last roll',
  },
} as const satisfies Readonly<
  Record<string, { readonly status: number; readonly means: string; readonly todo: string }>
>;

export type FaultCode = keyof typeof FAULTS;

/** Status and words of a code; an unknown one is an internal error, never a success. */
export function faultInfo(code: string): {
  readonly code: FaultCode;
  readonly status: number;
  readonly means: string;
  readonly todo: string;
} {
  const known: FaultCode = Object.hasOwn(FAULTS, code) ? (code as FaultCode) : 'internal';
  return { code: known, ...FAULTS[known] };
}
