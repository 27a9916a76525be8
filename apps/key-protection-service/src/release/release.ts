import { fromBase64Url, fromHex, toBase64Url, toHex } from '@sekimori/bytes';
import type { AuditDraft } from '@sekimori/audit-log';
import { randomUuid } from '@sekimori/crypto-core';
import { type HealthCertificateFault, VerifiedHealthCertificate } from '@sekimori/health-certificate';
import { type ReleaseRecord, releaseKeys } from '@sekimori/key-release';
import type { ReleaseReply, ReleaseRequest } from '@sekimori/protocol';
import { describeFault, fail, type Fault, ok, type Result } from '@sekimori/result';
import type { RefusalFault } from '@sekimori/service-kit';
import type { KeyProtectionDeps } from '../deps.ts';
import { RefusalRecord } from './refusal-record.ts';

type Refusal = RefusalFault<
  'malformed-request' | 'not-ready' | 'health-certificate-refused' | 'client-key-mismatch' | 'protector-refused'
>;

/** Who asks: the key that the host's TLS connection proved. */
export interface ReleaseContext {
  /** SHA-256 of its SubjectPublicKeyInfo, hex. */
  readonly clientKeyHash: string;
  readonly traceId: string;
}

/**
 * The whole order of checks: health certificate (chain, life, revocation, audience, floor), TLS key, protector structure and
 * signatures, then decryption. What is released is on record, durably, before the answer leaves; between record and answer the
 * certificate is judged again, by what is known then. A retry is safe: the ingress protector stays good.
 */
export const release = (deps: KeyProtectionDeps) => {
  const refusals = new RefusalRecord();
  return async (request: ReleaseRequest, context: ReleaseContext): Promise<Result<ReleaseReply, Refusal>> => {
    const protector = fromBase64Url(request.protector);
    const [leaf, ...others] = request.healthCertificate.map(fromBase64Url); // what stands above the leaf is pinned here
    const clientKeyHash = fromHex(context.clientKeyHash);
    if (!protector || !leaf || !others.every(Boolean) || !clientKeyHash)
      return fail('malformed-request', 'not base64url');

    const at = deps.clock.now();
    const refuse = async (code: Refused, fault: Fault, who: Asker) => {
      const certificate = toHex(deps.crypto.hash('sha256', leaf));
      const leftOut = refusals.admit({ certificate, code }, at);
      if (leftOut !== undefined) await deps.store.appendAudit([entryOf({ at, code, fault, who }, context, leftOut)]);
      return refusal(code, fault);
    };
    const certificate = judge(deps, leaf, at);
    if (!certificate.ok) {
      const { fault } = certificate;
      if (fault.code === 'revocations-stale') return fail('not-ready', fault.detail);
      if (ANYBODYS.has(fault.code)) return refusal('health-certificate-refused', fault);
      return refuse('health-certificate-refused', fault, {});
    }
    const healthCertificate = certificate.value;
    const { hostId } = healthCertificate.claims;
    const released = await releaseKeys(deps, { healthCertificate, clientKeyHash, protector });
    if (!released.ok) {
      const { fault } = released;
      // Health certificates are no secret: until the TLS key is the one it names, whoever asks is not that host.
      if (fault.code === 'release-client-key') return refuse('client-key-mismatch', fault, { named: hostId });
      return refuse('protector-refused', fault, { proven: hostId });
    }
    const { egressProtector, sealedKeys, record } = released.value;
    const releaseId = await commit(deps, record, { ...context, at });

    const now = deps.clock.now();
    const still = judge(deps, leaf, now);
    if (!still.ok) {
      const { fault } = still;
      const code = fault.code === 'revocations-stale' ? 'not-ready' : 'health-certificate-refused';
      const withheld = { at: now, code, fault, who: { proven: hostId }, withheld: releaseId } as const;
      await deps.store.appendAudit([entryOf(withheld, context)]);
      return code === 'not-ready' ? fail(code, fault.detail) : refusal(code, fault);
    }
    return ok({
      egressProtector: toBase64Url(egressProtector),
      sealedKeys: toBase64Url(sealedKeys),
      traceId: context.traceId,
    });
  };
};

/** By what is known of revocations at this moment. */
function judge(
  { crypto, signers, settings, revocations }: KeyProtectionDeps,
  leaf: Uint8Array,
  at: Date,
): Result<VerifiedHealthCertificate, HealthCertificateFault | Fault<'revocations-stale'>> {
  const lists = revocations.current();
  if (!lists.ok) return lists;
  const { isRevoked, denyIssuedBefore } = lists.value;
  return VerifiedHealthCertificate.verify(crypto, leaf, {
    signers: signers.map((signer) => ({ certificate: signer, ...(denyIssuedBefore ? { denyIssuedBefore } : {}) })),
    at,
    audience: settings.audience,
    minimumLevel: settings.minimumLevel,
    isRevoked,
  });
}

/** Answers the id of the release on record. */
async function commit(
  { crypto, store }: KeyProtectionDeps,
  record: ReleaseRecord,
  { traceId, at }: ReleaseContext & { readonly at: Date },
): Promise<string> {
  const { hostId, certificateSerial, guardian, owner, protectorId, ingressHash, egressHash } = record;
  const id = randomUuid(crypto);
  const recorded = await store.recordRelease({
    release: {
      id,
      at,
      hostId,
      certificateSerial,
      guardianFingerprint: guardian,
      ingressDigest: ingressHash,
      egressDigest: egressHash,
      details: { owner, traceId, protectorId },
    },
    audit: {
      at,
      kind: 'key.released',
      actor: `host:${hostId}`,
      subject: `protector:${ingressHash}`,
      traceId,
      body: { certificateSerial, guardian, owner, protectorId, egress: egressHash },
    },
  });
  if (!recorded.ok) throw new Error(describeFault(recorded.fault)); // a random id that is taken
  return id;
}

/** Found before a pinned signer's signature held: anybody can make such a certificate, and it leaves no record. */
const ANYBODYS: ReadonlySet<string> = new Set<HealthCertificateFault['code']>([
  'certificate-malformed',
  'certificate-untrusted',
  'certificate-signature',
]);

type Refused = 'health-certificate-refused' | 'client-key-mismatch' | 'protector-refused';

/** The host that the certificate names, or the one that proved to be it. */
interface Asker {
  readonly named?: string;
  readonly proven?: string;
}

/** A refusal to who has a certificate of ours is a decision, and is on record. `withheld`: the release that was not answered. */
function entryOf(
  refused: {
    readonly at: Date;
    readonly code: Refused | 'not-ready';
    readonly fault: Fault;
    readonly who: Asker;
    readonly withheld?: string;
  },
  { traceId, clientKeyHash }: ReleaseContext,
  leftOut?: number,
): AuditDraft {
  const { at, code, fault, who, withheld } = refused;
  const actor = who.proven === undefined ? `tls-key:${clientKeyHash}` : `host:${who.proven}`;
  const body = {
    code,
    subStatus: fault.code,
    ...(who.named === undefined ? {} : { host: who.named }),
    ...(withheld === undefined ? {} : { withheld }),
    ...(leftOut ? { leftOut } : {}),
  };
  return { at, kind: 'key.refused', actor, subject: 'protector', traceId, body };
}

function refusal(code: Refused, fault: Fault) {
  return { ok: false, fault: { code, detail: describeFault(fault), subStatus: [fault.code] } } as const;
}
