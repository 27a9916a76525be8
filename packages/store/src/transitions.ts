import { canonicalJson } from '@sekimori/audit-log';
import { equal, equalConstantTime, toHex, utf8 } from '@sekimori/bytes';
import { type Fault, type Result, fail, ok } from '@sekimori/result';
import type { Activation, Completion, CompletionFault, OpeningFault } from './activations.ts';
import type { Attestation, AttestationFault, Denial, IssuedCertificate } from './attestations.ts';
import type { Approval, ApprovalFault, EndorsementKey, EnrolmentFault, HostRecord, HostRemoval } from './hosts.ts';
import type { HostRevocation, NewHost, TpmCounters } from './hosts.ts';

// What becomes of a host's row, as functions of what stands there. Adapters read, ask here, and write the outcome in the
// same transaction, so that every one of them decides alike.

/** What nobody else can have: from approval on the key that was compared, from activation on all, since all were proven. */
export function boundKeys(host: HostRecord): readonly EndorsementKey[] {
  if (!hasName(host)) return [];
  return host.attestationKey === null ? host.endorsementKeys.slice(0, 1) : host.endorsementKeys;
}

/** Whether the name is bound to this host. One that was revoked while it waited never had it. */
export function hasName(host: HostRecord): boolean {
  return host.approvedAt !== null && host.removedAt === null;
}

/** `found`: the hosts that one of the keys is bound to, the one that the name is bound to, and those who wait under it. */
export function enrol(
  host: NewHost,
  found: {
    readonly holders: readonly HostRecord[];
    readonly named: HostRecord | undefined;
    readonly waiting: readonly HostRecord[];
  },
): Result<{ readonly host: HostRecord; readonly isNew: boolean }, EnrolmentFault> {
  const distinct = new Set(host.endorsementKeys.map((key) => key.spkiHash)).size === host.endorsementKeys.length;
  if (!distinct) return fail('duplicate-ek', 'an endorsement key comes twice');
  const [holder, ...others] = found.holders;
  if (holder !== undefined) {
    const isItself = others.length === 0 && holder.state !== 'revoked' && isSame(holder, host);
    return isItself
      ? ok({ host: holder, isNew: false })
      : fail('duplicate-ek', 'an endorsement key is enrolled already');
  }
  if (found.named !== undefined) return fail('duplicate-name', 'another host has this name');
  const properties = canonicalJson(host.properties);
  const asked = found.waiting.find((each) => isSame(each, host) && canonicalJson(each.properties) === properties);
  if (asked !== undefined) return ok({ host: asked, isNew: false });
  const pending: HostRecord = {
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
    removedAt: null,
    removedBy: null,
    activationFailedAt: null,
    lastVerdict: null,
  };
  return ok({ host: pending, isNew: true });
}

/** `found`: whether the name, or one of the keys, is bound to another host. */
export function approve(
  host: HostRecord | undefined,
  command: Approval,
  found: { readonly nameTaken: boolean; readonly keyTaken: boolean },
): Result<HostRecord, ApprovalFault> {
  if (host === undefined) return fail('unknown-host', 'no such host');
  if (host.state !== 'pending') return fail('host-not-pending', `the host is ${host.state}`);
  if (host.ekFingerprint !== command.ekFingerprint)
    return fail('fingerprint-mismatch', `the enrolled endorsement key has the fingerprint ${host.ekFingerprint}`);
  if (found.keyTaken) return fail('duplicate-ek', 'an endorsement key belongs to another host');
  if (found.nameTaken) return fail('duplicate-name', 'another host has this name');
  return ok({ ...host, state: 'approved', approvedAt: command.at, approvedBy: command.by });
}

export function revoke(host: HostRecord, { by, reason, at }: HostRevocation): HostRecord {
  return { ...host, state: 'revoked', revokedAt: at, revokedBy: by, revocationReason: reason };
}

export function remove(
  host: HostRecord | undefined,
  { by, at }: HostRemoval,
): Result<HostRecord, Fault<'unknown-host' | 'host-not-revoked'>> {
  if (host === undefined) return fail('unknown-host', 'no such host');
  if (host.state !== 'revoked') return fail('host-not-revoked', `the host is ${host.state}`);
  return ok(host.removedAt === null ? { ...host, removedAt: at, removedBy: by } : host);
}

export function mayActivate(host: HostRecord | undefined): Result<HostRecord, OpeningFault> {
  if (host === undefined) return fail('unknown-host', 'no such host');
  if (host.state !== 'approved' || host.attestationKey !== null)
    return fail('host-not-approved', `the host is ${host.state}`);
  return ok(host);
}

/** `found`: the host of the activation, and whether its attestation key, or one of its endorsement keys, is another's. */
export function activate(
  activation: Activation & { readonly proofHash: string },
  command: Completion,
  found: { readonly host: HostRecord | undefined; readonly keyTaken: boolean; readonly endorsementKeyTaken: boolean },
): Result<HostRecord, CompletionFault> {
  if (activation.expiresAt <= command.at) return fail('activation-expired', 'the activation has expired');
  if (!equalConstantTime(utf8(activation.proofHash), utf8(command.proofHash)))
    return fail('activation-failed', 'the proof is not the one that the credential gives');
  const allowed = mayActivate(found.host);
  if (!allowed.ok) return fail('host-not-approved', allowed.fault.detail);
  if (found.keyTaken) return fail('duplicate-attestation-key', 'a host has this attestation key already');
  if (found.endorsementKeyTaken) return fail('duplicate-ek', 'an endorsement key belongs to another host');
  return ok({ ...allowed.value, state: 'active', attestationKey: activation.attestationKey });
}

const FAILURE_PAUSE_MILLIS = 60_000;

/**
 * The host with a failure to be recorded, or undefined where one was a minute ago: strangers can fail as often as they like, and the
 * audit log is kept for ever.
 */
export function failActivation(host: HostRecord | undefined, at: Date): HostRecord | undefined {
  if (host === undefined) return undefined;
  const last = host.activationFailedAt;
  const isRecorded = last !== null && at.getTime() - last.getTime() < FAILURE_PAUSE_MILLIS;
  return isRecorded ? undefined : { ...host, activationFailedAt: at };
}

export function attest(host: HostRecord | undefined, command: Attestation): Result<HostRecord, AttestationFault> {
  if (command.challengeExpiresAt <= command.at) return fail('challenge-expired', 'the challenge has expired');
  if (host?.state !== 'active' || host.attestationKey === null)
    return fail('host-changed', `the host is ${host?.state ?? 'unknown'}`);
  if (!equal(host.attestationKey.name, command.attestationKeyName))
    return fail('host-changed', `the attestation key is ${toHex(host.attestationKey.name)}`);
  const { outcome } = command;
  if (outcome.kind === 'late') return ok(host); // of a time before: it says nothing about the host now
  if (host.counters !== null && !follows(command.counters, host.counters))
    return fail('counters-went-back', `${describe(command.counters)} after ${describe(host.counters)}`);
  return ok({
    ...host,
    counters: command.counters,
    lastVerdict: {
      at: command.at,
      outcome: outcome.kind,
      certificateNotAfter: outcome.kind === 'good' ? outcome.certificate.notAfter : null,
    },
  });
}

/** After revoking `certificates`, where `previous` stood. */
export function denial(
  at: Date,
  certificates: readonly Pick<IssuedCertificate, 'evidenceTime' | 'notAfter'>[],
  previous: Denial | undefined,
): Denial {
  const evidence = certificates.map(({ evidenceTime }) => evidenceTime);
  const ends = certificates.map(({ notAfter }) => notAfter);
  return {
    before: latest([at, ...evidence, ...(previous ? [previous.before] : [])]),
    until: latest([...ends, ...(previous ? [previous.until] : [])]),
  };
}

function latest(times: readonly Date[]): Date {
  return new Date(times.reduce((last, time) => Math.max(last, time.getTime()), 0));
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

function isSame(one: NewHost, other: NewHost): boolean {
  return (
    one.name === other.name &&
    one.endorsementKeys.length === other.endorsementKeys.length &&
    one.endorsementKeys.every((key, at) => isSameKey(key, other.endorsementKeys[at]))
  );
}

/** Whole: one key can stand in several public areas, and only one of them is the TPM's. */
function isSameKey(one: EndorsementKey, other: EndorsementKey | undefined): boolean {
  return other !== undefined && equal(one.public, other.public) && equal(one.certificate, other.certificate);
}
