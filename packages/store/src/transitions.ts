import { equal, equalConstantTime, toHex, utf8 } from '@sekimori/bytes';
import { type Result, fail, ok } from '@sekimori/result';
import type { Activation, Completion, CompletionFault, OpeningFault } from './activations.ts';
import type { Attestation, AttestationFault } from './attestations.ts';
import type { Approval, ApprovalFault, Enrolment, EnrolmentFault, HostRecord, HostRevocation } from './hosts.ts';
import type { NewHost, TpmCounters } from './hosts.ts';

// What becomes of a host's row, as functions of what stands there. Adapters read, ask here, and write the outcome in the
// same transaction, so that every one of them decides alike.

/** `found`: who has the name, how many other hosts hold one of the keys, how many wait. */
export function enrol(
  { host, maxPending }: Enrolment,
  found: { readonly named: HostRecord | undefined; readonly keyHolders: number; readonly pending: number },
): Result<HostRecord, EnrolmentFault> {
  const { named } = found;
  if (named !== undefined && named.state !== 'revoked' && keySet(named) === keySet(host)) return ok(named);
  if (named !== undefined) return fail('duplicate-name', 'another host has this name');
  const distinct = new Set(host.endorsementKeys.map((key) => key.spkiHash)).size === host.endorsementKeys.length;
  if (!distinct || found.keyHolders > 0) return fail('duplicate-ek', 'an endorsement key is enrolled already');
  if (found.pending >= maxPending) return fail('too-many-pending', `${found.pending} hosts wait for approval`);
  return ok({
    ...host,
    state: 'pending',
    ekFingerprint: host.endorsementKeys[0].spkiHash,
    attestationKey: null,
    counters: null,
    approvedAt: null,
    approvedBy: null,
    revokedAt: null,
    revokedBy: null,
    revocationReason: null,
    lastVerdict: null,
  });
}

export function approve(host: HostRecord | undefined, command: Approval): Result<HostRecord, ApprovalFault> {
  if (host === undefined) return fail('unknown-host', 'no such host');
  if (host.state !== 'pending') return fail('host-not-pending', `the host is ${host.state}`);
  if (host.ekFingerprint !== command.ekFingerprint)
    return fail('fingerprint-mismatch', `the enrolled endorsement key has the fingerprint ${host.ekFingerprint}`);
  return ok({ ...host, state: 'approved', approvedAt: command.at, approvedBy: command.by });
}

export function revoke(host: HostRecord, { by, reason, at }: HostRevocation): HostRecord {
  return { ...host, state: 'revoked', revokedAt: at, revokedBy: by, revocationReason: reason };
}

export function mayActivate(host: HostRecord | undefined): Result<HostRecord, OpeningFault> {
  if (host === undefined) return fail('unknown-host', 'no such host');
  if (host.state !== 'approved' || host.attestationKey !== null)
    return fail('host-not-approved', `the host is ${host.state}`);
  return ok(host);
}

/** `found`: the host of the activation, and whether any host has its attestation key. */
export function activate(
  activation: Activation & { readonly proofHash: string },
  command: Completion,
  found: { readonly host: HostRecord | undefined; readonly keyTaken: boolean },
): Result<HostRecord, CompletionFault> {
  if (activation.expiresAt <= command.at) return fail('activation-expired', 'the activation has expired');
  if (!equalConstantTime(utf8(activation.proofHash), utf8(command.proofHash)))
    return fail('activation-failed', 'the proof is not the one that the credential gives');
  const allowed = mayActivate(found.host);
  if (!allowed.ok) return fail('host-not-approved', allowed.fault.detail);
  if (found.keyTaken) return fail('duplicate-attestation-key', 'a host has this attestation key already');
  return ok({ ...allowed.value, state: 'active', attestationKey: activation.attestationKey });
}

export function attest(host: HostRecord | undefined, command: Attestation): Result<HostRecord, AttestationFault> {
  if (command.challengeExpiresAt <= command.at) return fail('challenge-expired', 'the challenge has expired');
  if (host?.state !== 'active' || host.attestationKey === null)
    return fail('host-changed', `the host is ${host?.state ?? 'unknown'}`);
  if (!equal(host.attestationKey.name, command.attestationKeyName))
    return fail('host-changed', `the attestation key is ${toHex(host.attestationKey.name)}`);
  const { outcome } = command;
  const forward = host.counters === null || follows(command.counters, host.counters);
  if (!forward && outcome.kind === 'good')
    return fail('counters-went-back', `${describe(command.counters)} after ${describe(host.counters)}`);
  return ok({
    ...host,
    counters: forward ? command.counters : host.counters, // a refusal never takes them back
    lastVerdict: {
      at: command.at,
      outcome: outcome.kind,
      certificateNotAfter: outcome.kind === 'good' ? outcome.certificate.notAfter : null,
    },
  });
}

/**
 * resetCount never falls while the TPM is not cleared; restartCount starts anew at each reset; clock may fall back over a
 * reset without an orderly shutdown (TPM 2.0 Part 1, 36), so it is compared within one (resetCount, restartCount).
 */
function follows(next: TpmCounters, last: TpmCounters): boolean {
  if (next.resetCount !== last.resetCount) return next.resetCount > last.resetCount;
  if (next.restartCount !== last.restartCount) return next.restartCount > last.restartCount;
  return next.clock >= last.clock;
}

function describe(counters: TpmCounters | null): string {
  if (counters === null) return 'none';
  return `reset ${counters.resetCount}, restart ${counters.restartCount}, clock ${counters.clock}`;
}

function keySet(host: NewHost): string {
  return host.endorsementKeys
    .map((key) => key.spkiHash)
    .toSorted()
    .join();
}
