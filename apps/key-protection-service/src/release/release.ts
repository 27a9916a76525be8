import { fromBase64Url, fromHex, toBase64Url } from '@sekimori/bytes';
import { randomUuid } from '@sekimori/crypto-core';
import { type HealthCertificateFault, VerifiedHealthCertificate } from '@sekimori/health-certificate';
import { type ReleaseRecord, releaseKeys } from '@sekimori/key-release';
import type { ReleaseReply, ReleaseRequest } from '@sekimori/protocol';
import { describeFault, fail, type Fault, ok, type Result } from '@sekimori/result';
import type { RefusalFault } from '@sekimori/service-kit';
import type { KeyProtectionDeps } from '../deps.ts';

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
 * signatures, then decryption. What is released is on record, durably, before the answer leaves. A retry is safe: the ingress protector
 * stays good.
 */
export const release =
  (deps: KeyProtectionDeps) =>
  async (request: ReleaseRequest, context: ReleaseContext): Promise<Result<ReleaseReply, Refusal>> => {
    const protector = fromBase64Url(request.protector);
    const [leaf, ...others] = request.healthCertificate.map(fromBase64Url); // what stands above the leaf is pinned here
    const clientKeyHash = fromHex(context.clientKeyHash);
    if (!protector || !leaf || !others.every(Boolean) || !clientKeyHash)
      return fail('malformed-request', 'not base64url');
    const at = deps.clock.now();
    const revocations = deps.revocations.current();
    if (!revocations.ok) return fail('not-ready', revocations.fault.detail);
    const { isRevoked, denyIssuedBefore } = revocations.value;
    const certificate = VerifiedHealthCertificate.verify(deps.crypto, leaf, {
      signers: deps.signers.map((signer) => ({
        certificate: signer,
        ...(denyIssuedBefore ? { denyIssuedBefore } : {}),
      })),
      at,
      audience: deps.settings.audience,
      minimumLevel: deps.settings.minimumLevel,
      isRevoked,
    });
    if (!certificate.ok) {
      const { fault } = certificate;
      if (ANYBODYS.has(fault.code)) return refusal('health-certificate-refused', fault);
      return refuse(deps, 'health-certificate-refused', fault, { ...context, at });
    }
    const healthCertificate = certificate.value;
    const host = healthCertificate.claims.hostId;
    const released = await releaseKeys(deps, { healthCertificate, clientKeyHash, protector });
    if (!released.ok) {
      const code = released.fault.code === 'release-client-key' ? 'client-key-mismatch' : 'protector-refused';
      return refuse(deps, code, released.fault, { ...context, at, host });
    }
    const { egressProtector, sealedKeys, record } = released.value;
    await commit(deps, record, { ...context, at });
    return ok({
      egressProtector: toBase64Url(egressProtector),
      sealedKeys: toBase64Url(sealedKeys),
      traceId: context.traceId,
    });
  };

async function commit(
  { crypto, store }: KeyProtectionDeps,
  record: ReleaseRecord,
  { traceId, at }: ReleaseContext & { readonly at: Date },
): Promise<void> {
  const { hostId, certificateSerial, guardian, owner, ingressHash, egressHash } = record;
  const recorded = await store.recordRelease({
    release: {
      id: randomUuid(crypto),
      at,
      hostId,
      certificateSerial,
      guardianFingerprint: guardian,
      ingressDigest: ingressHash,
      egressDigest: egressHash,
      details: { owner, traceId },
    },
    audit: {
      at,
      kind: 'key.released',
      actor: `host:${hostId}`,
      subject: `protector:${ingressHash}`,
      traceId,
      body: { certificateSerial, guardian, owner, egress: egressHash },
    },
  });
  if (!recorded.ok) throw new Error(describeFault(recorded.fault)); // a random id that is taken
}

/** Found before a pinned signer's signature held: anybody can make such a certificate, and it leaves no record. */
const ANYBODYS: ReadonlySet<HealthCertificateFault['code']> = new Set([
  'certificate-malformed',
  'certificate-untrusted',
  'certificate-signature',
]);

type Refused = 'health-certificate-refused' | 'client-key-mismatch' | 'protector-refused';

/** A refusal to who has a certificate of ours is a decision, and is on record. */
async function refuse(
  { store }: KeyProtectionDeps,
  code: Refused,
  fault: Fault,
  who: ReleaseContext & { readonly at: Date; readonly host?: string },
) {
  const { at, traceId, clientKeyHash, host } = who;
  const actor = host === undefined ? `tls-key:${clientKeyHash}` : `host:${host}`;
  await store.appendAudit([
    { at, kind: 'key.refused', actor, subject: 'protector', traceId, body: { code, subStatus: fault.code } },
  ]);
  return refusal(code, fault);
}

function refusal(code: Refused, fault: Fault) {
  return { ok: false, fault: { code, detail: describeFault(fault), subStatus: [fault.code] } } as const;
}
