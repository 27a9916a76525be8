import { toHex } from '@sekimori/bytes';
import { parseCertificate, tpmIdentityOf, tpmVendorName } from '@sekimori/pki';
import type { EnrolRequest, HostDetail, HostStatus } from '@sekimori/protocol';
import { expectOk, fail, type Fault, ok, type Result } from '@sekimori/result';
import type { ApprovalFault, HostRecord } from '@sekimori/store';
import { verdictOnWire } from '../attest/verdict-record.ts';
import type { AttestationDeps } from '../deps.ts';
import { hostStatus } from '../wire.ts';

const VERDICTS_SHOWN = 10;

/** Who acts, and under which trace id the act is found later. */
export interface Act {
  readonly actor: string;
  readonly traceId: string;
}

export const listHosts =
  ({ store }: AttestationDeps) =>
  async (page: { readonly after?: string; readonly limit?: number }): Promise<readonly HostStatus[]> =>
    (await store.hosts({ limit: page.limit ?? 100, ...(page.after === undefined ? {} : { after: page.after }) })).map(
      hostStatus,
    );

export const showHost =
  (deps: AttestationDeps) =>
  async (id: string): Promise<Result<HostDetail, Fault<'unknown-host'>>> => {
    const host = await deps.store.host(id);
    if (!host) return unknownHost();
    const verdicts = await deps.store.verdicts(id, VERDICTS_SHOWN);
    return ok({
      ...hostStatus(host),
      properties: host.properties as EnrolRequest['properties'], // written by enrolHost from the same schema
      endorsementKeys: host.endorsementKeys.map((key) => describeEndorsementKey(key, deps.clock.now())),
      ...(host.attestationKey ? { attestationKeyName: toHex(host.attestationKey.name) } : {}),
      enrolledAt: host.enrolledAt.toISOString(),
      ...(host.approvedAt ? { approvedAt: host.approvedAt.toISOString() } : {}),
      ...(host.approvedBy === null ? {} : { approvedBy: host.approvedBy }),
      ...(host.revokedAt ? { revokedAt: host.revokedAt.toISOString() } : {}),
      ...(host.removedAt ? { removedAt: host.removedAt.toISOString() } : {}),
      verdicts: verdicts.map((verdict) => ({ ...verdictOnWire(verdict), pcrs: [...verdict.pcrs] })),
    });
  };

/** The fingerprint is the one that the administrator compared at the machine itself. */
export const approveHost =
  (deps: AttestationDeps) =>
  async (
    request: { readonly id: string; readonly ekFingerprint: string },
    act: Act,
  ): Promise<Result<HostStatus, ApprovalFault>> => {
    const at = deps.clock.now();
    const { id, ekFingerprint } = request;
    const host = await deps.store.host(id);
    if (!host) return unknownHost();
    // The first entry about it: enrolment itself decides nothing, and anyone can ask for it.
    const endorsementKeys = host.endorsementKeys.map(({ spkiHash }) => spkiHash);
    const body = { name: host.name, endorsementKeys };
    const audit = { at, kind: 'host.approved', ...act, subject: `host:${id}`, body };
    const approved = await deps.store.approveHost({ id, ekFingerprint, by: act.actor, at, audit });
    return approved.ok ? ok(hostStatus(approved.value)) : approved;
  };

export const revokeHost =
  (deps: AttestationDeps) =>
  async (
    request: { readonly id: string; readonly reason: string },
    act: Act,
  ): Promise<Result<HostStatus, Fault<'unknown-host'>>> => {
    const at = deps.clock.now();
    const { id, reason } = request;
    const audit = { at, kind: 'host.revoked', ...act, subject: `host:${id}`, body: { reason } };
    const revoked = await deps.store.revokeHost({ id, reason, by: act.actor, at, audit });
    return revoked.ok ? ok(hostStatus(revoked.value)) : revoked;
  };

/** A revoked host makes room: its machine can be enrolled anew, and must be approved and proven anew. */
export const removeHost =
  (deps: AttestationDeps) =>
  async (id: string, act: Act): Promise<Result<HostStatus, Fault<'unknown-host' | 'host-not-revoked'>>> => {
    const at = deps.clock.now();
    const audit = { at, kind: 'host.removed', ...act, subject: `host:${id}`, body: {} };
    const removed = await deps.store.removeHost({ id, by: act.actor, at, audit });
    return removed.ok ? ok(hostStatus(removed.value)) : removed;
  };

function describeEndorsementKey({ certificate, spkiHash }: HostRecord['endorsementKeys'][number], at: Date) {
  const parsed = expectOk(parseCertificate(certificate)); // checked at enrolment
  const tpm = tpmIdentityOf(parsed);
  const manufacturer = tpm?.manufacturer ?? '';
  const vendor = tpmVendorName(manufacturer);
  return {
    spkiHash,
    manufacturer,
    ...(vendor !== undefined && { vendor }),
    model: tpm?.model ?? '',
    trustedBy: parsed.issuer.text,
    findings: [
      ...(at > parsed.notAfter ? [`the certificate ended at ${parsed.notAfter.toISOString()}`] : []),
      ...(parsed.signatureAlgorithm.weak ? ['the certificate has a weak signature'] : []),
    ],
  };
}

function unknownHost() {
  return fail('unknown-host', 'no host has this identifier');
}
