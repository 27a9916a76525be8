import { type JsonValue, canonicalJson } from '@sekimori/audit-log';
import { type HostRecord, type TpmCounters, transitions } from '@sekimori/store';
import type { EndorsementKeyRow, HostRow } from '../tables.ts';

export const json = (text: string): JsonValue => JSON.parse(text) as JsonValue;

export function hostOf(row: HostRow, keys: readonly EndorsementKeyRow[]): HostRecord {
  const [first, ...others] = keys.map((key) => ({
    public: key.public,
    certificate: key.certificate,
    spkiHash: key.spki_hash,
  }));
  if (first === undefined) throw new Error(`host ${row.id} has no endorsement key`);
  const { reset_count, restart_count, clock, firmware_version } = row;
  const isCounted = reset_count !== null && restart_count !== null && clock !== null && firmware_version !== null;
  return {
    id: row.id,
    name: row.name,
    state: row.state,
    ekFingerprint: first.spkiHash,
    endorsementKeys: [first, ...others],
    properties: json(row.properties),
    attestationKey: row.ak_public && row.ak_name && { public: row.ak_public, name: row.ak_name },
    counters: isCounted ? countersOf({ reset_count, restart_count, clock, firmware_version }) : null,
    enrolledAt: new Date(row.enrolled_at),
    approvedAt: time(row.approved_at),
    approvedBy: row.approved_by,
    revokedAt: time(row.revoked_at),
    revokedBy: row.revoked_by,
    revocationReason: row.revocation_reason,
    removedAt: time(row.removed_at),
    removedBy: row.removed_by,
    activationFailedAt: time(row.activation_failed_at),
    lastVerdict:
      row.verdict_at === null || row.verdict_outcome === null
        ? null
        : {
            at: new Date(row.verdict_at),
            outcome: row.verdict_outcome,
            certificateNotAfter: time(row.certificate_not_after),
          },
  };
}

export function hostRow(host: HostRecord): HostRow {
  return {
    id: host.id,
    name: host.name,
    state: host.state,
    properties: canonicalJson(host.properties),
    ak_public: host.attestationKey?.public ?? null,
    ak_name: host.attestationKey?.name ?? null,
    reset_count: null,
    restart_count: null,
    clock: null,
    firmware_version: null,
    ...(host.counters && counterColumns(host.counters)),
    enrolled_at: host.enrolledAt.getTime(),
    approved_at: host.approvedAt?.getTime() ?? null,
    approved_by: host.approvedBy,
    revoked_at: host.revokedAt?.getTime() ?? null,
    revoked_by: host.revokedBy,
    revocation_reason: host.revocationReason,
    removed_at: host.removedAt?.getTime() ?? null,
    removed_by: host.removedBy,
    activation_failed_at: host.activationFailedAt?.getTime() ?? null,
    verdict_at: host.lastVerdict?.at.getTime() ?? null,
    verdict_outcome: host.lastVerdict?.outcome ?? null,
    certificate_not_after: host.lastVerdict?.certificateNotAfter?.getTime() ?? null,
  };
}

export function keyRows(host: HostRecord): EndorsementKeyRow[] {
  const bound = transitions.boundKeys(host);
  return host.endorsementKeys.map((key, position) => ({
    host_id: host.id,
    position,
    spki_hash: key.spkiHash,
    bound: bound.includes(key) ? 1 : 0,
    public: key.public,
    certificate: key.certificate,
  }));
}

export function counterColumns(counters: TpmCounters) {
  return {
    reset_count: counters.resetCount,
    restart_count: counters.restartCount,
    clock: counters.clock.toString(),
    firmware_version: counters.firmwareVersion.toString(),
  };
}

export function countersOf(columns: ReturnType<typeof counterColumns>): TpmCounters {
  return {
    resetCount: columns.reset_count,
    restartCount: columns.restart_count,
    clock: BigInt(columns.clock),
    firmwareVersion: BigInt(columns.firmware_version),
  };
}

export function time(millis: number | null): Date | null {
  return millis === null ? null : new Date(millis);
}
