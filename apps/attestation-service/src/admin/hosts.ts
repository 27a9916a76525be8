import { toHex } from '@sekimori/bytes';
import { parseCertificate, tpmIdentityOf } from '@sekimori/pki';
import type { EnrolRequest, HostDetail, HostStatus } from '@sekimori/protocol';
import { expectOk, fail, type Fault, ok, type Result } from '@sekimori/result';
import type { HostRecord } from '@sekimori/store';
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
      endorsementKeys: host.endorsementKeys.map(describeEndorsementKey),
      ...(host.attestationKey ? { attestationKeyName: toHex(host.attestationKey.name) } : {}),
      enrolledAt: host.enrolledAt.toISOString(),
      ...(host.approvedAt ? { approvedAt: host.approvedAt.toISOString() } : {}),
      ...(host.approvedBy === null ? {} : { approvedBy: host.approvedBy }),
      ...(host.revokedAt ? { revokedAt: host.revokedAt.toISOString() } : {}),
      verdicts: verdicts.map(verdictOnWire),
    });
  };

/** The fingerprint is the one that the administrator compared at the machine itself. */
export const approveHost =
  (deps: AttestationDeps) =>
  async (
    request: { readonly id: string; readonly ekFingerprint: string },
    act: Act,
  ): Promise<Result<HostStatus, Fault<'unknown-host' | 'host-not-pending' | 'fingerprint-mismatch'>>> => {
    const at = deps.clock.now();
    const { id, ekFingerprint } = request;
    const audit = { at, kind: 'host.approved', ...act, subject: `host:${id}`, body: { ekFingerprint } };
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

function describeEndorsementKey({ certificate, spkiHash }: HostRecord['endorsementKeys'][number]) {
  const parsed = expectOk(parseCertificate(certificate)); // checked at enrolment
  const tpm = tpmIdentityOf(parsed);
  return { spkiHash, manufacturer: tpm?.manufacturer ?? '', model: tpm?.model ?? '', trustedBy: parsed.issuer.text };
}

function unknownHost() {
  return fail('unknown-host', 'no host has this identifier');
}
