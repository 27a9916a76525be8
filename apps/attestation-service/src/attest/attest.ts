import { fromHex } from '@sekimori/bytes';
import { issueHealthCertificate, parseHostId } from '@sekimori/health-certificate';
import { appraise, type AttestationPolicy, MEASURED_RULES, policyDigest, type Verdict } from '@sekimori/policy';
import { type LogFault, parseEventLog, reconcile } from '@sekimori/event-log';
import type { AttestReply, AttestRequest } from '@sekimori/protocol';
import { describeFault, fail, type Fault, ok, type Result } from '@sekimori/result';
import type { RefusalFault } from '@sekimori/service-kit';
import type { AttestationOutcome, HostRecord } from '@sekimori/store';
import { checkChallenge, type OpenChallenge } from '../challenge/challenge.ts';
import type { AttestationDeps } from '../deps.ts';
import { signerTrouble } from '../signer.ts';
import { toBase64Url } from '../wire.ts';
import { type Evidence, readEvidence } from './evidence.ts';
import { type Authentic, authenticate, type VerifiedEvidence } from './authenticate.ts';
import { asksForIma, replayedIma } from './ima.ts';
import { policyInForce } from './reference.ts';
import { type KeptFinding, keptAsJson, type KeptVerdict } from './verdict-record.ts';

type Refusal = RefusalFault<
  | 'malformed-request'
  | 'not-ready'
  | 'unknown-host'
  | 'host-revoked'
  | 'host-not-active'
  | 'challenge-refused'
  | 'challenge-used'
  | 'too-many-requests'
  | 'evidence-refused'
  | 'policy-denied'
>;

/**
 * Evidence in, health certificate out. Until the attestation key's signature over this very challenge holds, nothing is written:
 * whoever sends rubbish in a host's name changes nothing. From then on the outcome is recorded, good or bad, with the
 * challenge used up; a bad one revokes the host's certificates in the same transaction. What costs time, the boot log and its
 * appraisal, comes after that signature, for a challenge that was not used yet, and for one request of a host at a time.
 */
export const attest = (deps: AttestationDeps) => {
  const inWork = new Set<string>();
  return async (request: AttestRequest, traceId: string): Promise<Result<AttestReply, Refusal>> => {
    const at = deps.clock.now();
    if (request.imaList !== undefined && !asksForIma(deps.settings))
      return fail('malformed-request', 'imaList: no challenge asked for PCR 10');
    const evidence = readEvidence(request);
    if (!evidence.ok) return evidence;
    const notReady = signerTrouble(deps);
    if (notReady) return { ok: false, fault: notReady };
    const host = await deps.store.host(request.hostId);
    if (!host) return fail('unknown-host', 'no host has this identifier');
    if (host.state === 'revoked') return fail('host-revoked', 'the host was revoked');
    if (host.state !== 'active') return fail('host-not-active', 'the host has no attestation key yet');
    const challenge = checkChallenge(deps.challengeKey, evidence.value.challenge, { hostId: host.id, at });
    if (!challenge.ok) return challenge;
    // Again when it is recorded, where two requests with one challenge meet.
    if (await deps.store.isChallengeUsed(challenge.value.id))
      return { ok: false, fault: NOT_RECORDED['challenge-used'] };
    const authentic = authenticate(deps, host, evidence.value);
    if (!authentic.ok) return { ok: false, fault: evidenceRefused(authentic.fault) };
    // Only now, so that nobody else can keep a host waiting.
    if (inWork.has(host.id)) return fail('too-many-requests', 'another attestation of this host is in work');
    inWork.add(host.id);
    try {
      const attempt = { deps, host, challenge: challenge.value, evidence: evidence.value, at, traceId };
      return await decide(attempt, authentic.value);
    } finally {
      inWork.delete(host.id);
    }
  };
};

/** A relying party's clock may be behind ours; a certificate over fresh evidence must not be refused for that. */
const CLOCKS_APART_MILLIS = 60_000;

/** One attestation whose challenge holds and whose quote the host's key signed. */
interface Attempt {
  readonly deps: AttestationDeps;
  readonly host: HostRecord;
  readonly challenge: OpenChallenge;
  readonly evidence: Evidence;
  readonly at: Date;
  readonly traceId: string;
}

async function decide(attempt: Attempt, authentic: Authentic): Promise<Result<AttestReply, Refusal>> {
  const { deps, evidence } = attempt;
  const reference = await policyInForce(deps);
  const parsed = parseEventLog(evidence.eventLog);
  const boot = { ...authentic, log: parsed.ok ? evidence.eventLog.slice(0, parsed.value.length) : evidence.eventLog };
  if (!authentic.verified.ok) return refuseEvidence(attempt, boot, authentic.verified.fault, reference.policy);
  const { quote, imaPcr } = authentic.verified.value;
  const ima = replayedIma(deps.crypto, imaPcr, evidence.imaList);
  if (!ima.ok) return refuseEvidence(attempt, boot, ima.fault, reference.policy);
  const log = parsed.ok ? reconcile(deps.crypto, parsed.value, quote) : parsed;
  const verdict = appraise(deps.crypto, MEASURED_RULES, { quote, log }, reference);
  const judged = { ...verdict, ...(ima.value && { ima: ima.value }) };
  return judged.good ? grant(attempt, boot, authentic.verified.value, judged) : refusePolicy(attempt, boot, judged);
}

type Judged = Verdict & Pick<KeptVerdict, 'ima'>;

/** What is kept of the evidence. */
interface Boot extends Authentic {
  /** Without padding: of one boot, it would be another log each time. */
  readonly log: Uint8Array;
}

async function grant(
  attempt: Attempt,
  boot: Boot,
  { quote, healthKey }: VerifiedEvidence,
  verdict: Judged & { readonly good: true },
): Promise<Result<AttestReply, Refusal>> {
  const { deps, host, challenge, evidence, at, traceId } = attempt;
  const { crypto, settings, signer } = deps;
  const hostId = parseHostId(host.id);
  if (!hostId || !host.attestationKey) throw new Error('an active host has an identifier and an attestation key');
  const evidenceTime = challenge.issuedAt;
  const certificate = await issueHealthCertificate(crypto, {
    signer: signer.key,
    signerCertificate: signer.certificate,
    healthKey: healthKey.publicKey,
    claims: {
      hostId,
      hostName: host.name,
      mode: 'tpm',
      group: settings.group,
      level: verdict.level,
      keyIsolation: verdict.keyIsolation,
      ekHash: hexBytes(host.ekFingerprint),
      akName: host.attestationKey.name,
      resetCount: quote.clock.resetCount,
      restartCount: quote.clock.restartCount,
      policyDigest: hexBytes(verdict.policyDigest),
      policyVersion: verdict.policyVersion,
      evidenceTime,
      audience: settings.audience,
      cnf: crypto.hash('sha256', evidence.clientKey),
    },
    notBefore: new Date(evidenceTime.getTime() - CLOCKS_APART_MILLIS),
    notAfter: new Date(evidenceTime.getTime() + 1000 * settings.certificateSeconds),
  });
  const kept = keep(attempt, verdict, 'good');
  const recorded = await record(attempt, boot, { kind: 'good', certificate: { ...certificate, evidenceTime } }, kept);
  if (!recorded.ok) return recorded;
  const life = certificate.notAfter.getTime() - at.getTime();
  return ok({
    healthCertificate: toBase64Url(certificate.der),
    signer: toBase64Url(signer.certificate.der),
    notAfter: certificate.notAfter.toISOString(),
    renewAfter: new Date(at.getTime() + Math.floor(life / 2)).toISOString(),
    traceId,
  });
}

async function refusePolicy(
  attempt: Attempt,
  boot: Boot,
  verdict: Judged & { readonly good: false },
): Promise<Result<AttestReply, Refusal>> {
  const kept = keep(attempt, verdict, 'policy-denied');
  const recorded = await record(attempt, boot, { kind: 'refused' }, kept);
  if (!recorded.ok) return recorded;
  const detail = 'the evidence is authentic, and the policy refuses it; an administrator finds why under the trace id';
  return { ok: false, fault: { code: 'policy-denied', detail, subStatus: kept.subStatus } };
}

async function refuseEvidence(
  attempt: Attempt,
  boot: Boot,
  fault: Fault,
  policy: AttestationPolicy,
): Promise<Result<AttestReply, Refusal>> {
  const judged = { policyVersion: policy.version, policyDigest: policyDigest(attempt.deps.crypto, policy) };
  const kept = keep(attempt, { findings: [findingOf(fault)], ...judged }, 'evidence-refused');
  const recorded = await record(attempt, boot, { kind: LATE.has(fault.code) ? 'late' : 'refused' }, kept);
  return recorded.ok ? { ok: false, fault: evidenceRefused(fault) } : recorded;
}

/**
 * The quote holds, and its counters are before those that were accepted last: a request that was delayed or sent again on its
 * way, or one from before the TPM was cleared. It shows nothing bad about the host as it is, whose certificates stand on later
 * evidence; so it is refused and used up, and whoever holds back a request cannot put a good host out of service with it.
 */
const LATE: ReadonlySet<string> = new Set(['quote-reset-count', 'quote-restart-count', 'quote-clock']);

/** One transaction: the challenge is used up, the verdict kept, and the certificate entered or, unless it came late, the outstanding ones revoked. */
async function record(
  attempt: Attempt,
  boot: Boot,
  outcome: AttestationOutcome,
  kept: KeptVerdict,
): Promise<Result<void, Refusal>> {
  const { deps, host, challenge, at, traceId } = attempt;
  if (!host.attestationKey) throw new Error('an active host has an attestation key');
  const recorded = await deps.store.recordAttestation({
    challengeHash: challenge.id,
    challengeExpiresAt: challenge.expiresAt,
    hostId: host.id,
    attestationKeyName: host.attestationKey.name,
    at,
    outcome,
    verdict: keptAsJson(kept),
    pcrs: boot.pcrs,
    counters: boot.counters,
    log: boot.log,
    audit: [
      {
        at,
        kind: outcome.kind === 'good' ? 'host.attested' : 'host.refused',
        actor: `host:${host.id}`,
        subject: `host:${host.id}`,
        traceId,
        body: {
          code: kept.code,
          subStatus: [...kept.subStatus],
          policyVersion: kept.policyVersion,
          ...(outcome.kind === 'good' ? { certificate: outcome.certificate.serial } : {}),
        },
      },
    ],
  });
  if (recorded.ok) return ok(undefined);
  const { fault } = recorded;
  if (fault.code !== 'counters-went-back') return { ok: false, fault: NOT_RECORDED[fault.code] };
  const { policyVersion, policyDigest: digest } = kept;
  const findings = [findingOf(fault)];
  const refused = keep(attempt, { findings, policyVersion, policyDigest: digest }, 'evidence-refused');
  const again = await record(attempt, boot, { kind: 'late' }, refused);
  return again.ok ? { ok: false, fault: evidenceRefused(fault) } : again;
}

/** What the host hears where nothing was written. */
const NOT_RECORDED = {
  'challenge-used': { code: 'challenge-used', detail: 'the challenge was used before' },
  'challenge-expired': { code: 'challenge-refused', detail: 'the challenge has ended' },
  'host-changed': { code: 'host-not-active', detail: 'the host was changed in the meantime' },
} as const;

function findingOf(fault: Fault & Pick<LogFault, 'pcr' | 'expected' | 'actual'>): KeptFinding {
  const { code, pcr, expected, actual } = fault;
  return {
    rule: 'evidence',
    effect: 'refuse',
    subStatus: code,
    detail: describeFault(fault),
    code,
    ...(pcr !== undefined && { pcr }),
    ...(expected !== undefined && { expected }),
    ...(actual !== undefined && { actual }),
  };
}

function keep(
  { traceId }: Attempt,
  verdict: Pick<KeptVerdict, 'findings' | 'policyVersion' | 'policyDigest' | 'baselineId' | 'ima'>,
  code: 'good' | 'policy-denied' | 'evidence-refused',
): KeptVerdict {
  const { findings, policyVersion, policyDigest: digest, baselineId, ima } = verdict;
  const refusing = findings.filter(({ effect }) => effect === 'refuse');
  return {
    traceId,
    good: code === 'good',
    code,
    subStatus: [...new Set(refusing.map(({ subStatus }) => subStatus))],
    findings,
    ...(baselineId === undefined ? {} : { baselineId }),
    policyVersion,
    policyDigest: digest,
    ...(ima && { ima }),
  };
}

function evidenceRefused(fault: Fault): RefusalFault<'evidence-refused'> {
  return { code: 'evidence-refused', detail: describeFault(fault), subStatus: [fault.code] };
}

function hexBytes(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  if (!bytes) throw new Error('a digest of ours is hex');
  return bytes;
}
