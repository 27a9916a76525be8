import type { Generated } from 'kysely';

// Times are milliseconds since 1970, UTC. Unsigned 64-bit counters are decimal text: an SQL integer has a sign.
// JSON is canonical text. Digests, serials and ids are text, as they are shown and searched. Booleans are 0 and 1.

/** Of both services. */
export interface AuditTables {
  audit_entry: {
    number: number;
    at: string;
    kind: string;
    actor: string;
    subject: string;
    trace_id: string | null;
    body: string;
    hash: string;
  };
}

interface CounterColumns {
  reset_count: number;
  restart_count: number;
  clock: string;
  firmware_version: string;
}

export type HostRow = {
  id: string;
  name: string;
  state: 'pending' | 'approved' | 'active' | 'revoked';
  properties: string;
  ak_public: Uint8Array | null;
  ak_name: Uint8Array | null;
  enrolled_at: number;
  approved_at: number | null;
  approved_by: string | null;
  revoked_at: number | null;
  revoked_by: string | null;
  revocation_reason: string | null;
  removed_at: number | null;
  removed_by: string | null;
  activation_failed_at: number | null;
  verdict_at: number | null;
  verdict_outcome: 'good' | 'refused' | null;
  certificate_not_after: number | null;
} & { [Column in keyof CounterColumns]: CounterColumns[Column] | null };

export interface EndorsementKeyRow {
  host_id: string;
  position: number;
  spki_hash: string;
  /** 1 where no other host can have it. */
  bound: number;
  public: Uint8Array;
  certificate: Uint8Array;
}

export interface ActivationRow {
  id: string;
  host_id: string;
  proof_hash: string;
  ak_public: Uint8Array;
  ak_name: Uint8Array;
  expires_at: number;
}

export interface VerdictColumns extends CounterColumns {
  id: Generated<number>;
  host_id: string;
  at: number;
  outcome: 'good' | 'refused';
  certificate_serial: string | null;
  verdict: string;
  pcrs: string;
  log_digest: string;
  challenge_hash: string;
}

export interface BaselineRow {
  id: string;
  name: string;
  content: string;
  added_by: string;
  added_at: number;
  retired_at: number | null;
  retired_by: string | null;
}

export interface AttestationTables extends AuditTables {
  host: HostRow;
  endorsement_key: EndorsementKeyRow;
  activation: ActivationRow;
  used_challenge: { hash: string; expires_at: number };
  boot_log: { digest: string; log: Uint8Array };
  verdict: VerdictColumns;
  certificate: {
    serial: string;
    host_id: string;
    evidence_at: number;
    not_after: number;
    der: Uint8Array;
    revoked: number;
  };
  denial: { host_id: string; before: number; until: number };
  baseline: BaselineRow;
  tpm_root: {
    fingerprint: string;
    der: Uint8Array;
    vendor: string;
    added_by: string;
    added_at: number;
    insecure: number;
    /** JSON. */
    manufacturers: string | null;
  };
  /** One row. */
  service_state: {
    policy_version: number;
    policy_settings: string | null;
    revocation_number: number;
    deny_issued_before: number | null;
  };
}

export interface ReleaseColumns {
  sequence: Generated<number>;
  id: string;
  at: number;
  host_id: string;
  certificate_serial: string;
  guardian_fingerprint: string;
  ingress_digest: string;
  egress_digest: string;
  details: string;
}

export interface GuardianColumns {
  position: Generated<number>;
  fingerprint: string;
  signing_certificate: Uint8Array;
  encryption_certificate: Uint8Array;
  signature: Uint8Array;
  added_at: number;
  is_primary: number;
  enabled: number;
}

export interface KeyProtectionTables extends AuditTables {
  release: ReleaseColumns;
  guardian: GuardianColumns;
  seen_revocation: { issuer: string; number: number };
}
