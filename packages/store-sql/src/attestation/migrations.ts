import { auditTable } from '../audit.ts';
import type { Migration } from '../migrations.ts';

/** Never change one that was released: add another. */
export const ATTESTATION_MIGRATIONS: readonly Migration[] = [
  {
    name: 'attestation: hosts, attestations, policy, audit',
    statements: (types) => [
      `
create table host (
  id text primary key,
  name text not null unique,
  state text not null check (state in ('pending', 'approved', 'active', 'revoked')),
  properties text not null,
  ak_public ${types.bytes},
  ak_name ${types.bytes} unique,
  reset_count ${types.integer},
  restart_count ${types.integer},
  clock text,
  firmware_version text,
  enrolled_at ${types.integer} not null,
  approved_at ${types.integer},
  approved_by text,
  revoked_at ${types.integer},
  revoked_by text,
  revocation_reason text,
  verdict_at ${types.integer},
  verdict_outcome text check (verdict_outcome in ('good', 'refused')),
  certificate_not_after ${types.integer},
  check ((ak_public is null) = (ak_name is null)),
  check (state <> 'active' or ak_name is not null),
  check (state not in ('pending', 'approved') or ak_name is null),
  check ((state = 'revoked') = (revoked_at is not null))
)${types.tableEnd}`,
      'create index host_state on host (state, name)',
      `
create table endorsement_key (
  spki_hash text primary key check (length(spki_hash) = 64),
  host_id text not null references host,
  position ${types.integer} not null,
  public ${types.bytes} not null,
  certificate ${types.bytes} not null,
  unique (host_id, position)
)${types.tableEnd}`,
      `
create table activation (
  id text primary key,
  host_id text not null unique references host,
  proof_hash text not null check (length(proof_hash) = 64),
  ak_public ${types.bytes} not null,
  ak_name ${types.bytes} not null,
  expires_at ${types.integer} not null
)${types.tableEnd}`,
      `
create table used_challenge (
  hash text primary key check (length(hash) = 64),
  expires_at ${types.integer} not null
)${types.tableEnd}`,
      'create index used_challenge_expiry on used_challenge (expires_at)',
      `
create table boot_log (
  digest text primary key check (length(digest) = 64),
  log ${types.bytes} not null
)${types.tableEnd}`,
      `
create table certificate (
  serial text primary key,
  host_id text not null references host,
  not_after ${types.integer} not null,
  der ${types.bytes} not null,
  revoked ${types.integer} not null check (revoked in (0, 1))
)${types.tableEnd}`,
      'create index certificate_outstanding on certificate (host_id, not_after) where revoked = 0',
      'create index certificate_revoked on certificate (not_after) where revoked = 1',
      `
create table verdict (
  id ${types.counted},
  host_id text not null references host,
  at ${types.integer} not null,
  outcome text not null check (outcome in ('good', 'refused')),
  certificate_serial text unique references certificate,
  verdict text not null,
  pcrs text not null,
  reset_count ${types.integer} not null,
  restart_count ${types.integer} not null,
  clock text not null,
  firmware_version text not null,
  log_digest text not null references boot_log,
  challenge_hash text not null unique,
  check ((outcome = 'good') = (certificate_serial is not null))
)${types.tableEnd}`,
      'create index verdict_of_host on verdict (host_id, id)',
      `
create table baseline (
  id text primary key,
  name text not null,
  content text not null,
  added_by text not null,
  added_at ${types.integer} not null,
  retired_at ${types.integer},
  retired_by text
)${types.tableEnd}`,
      'create unique index baseline_in_force on baseline (name) where retired_at is null',
      `
create table tpm_root (
  fingerprint text primary key check (length(fingerprint) = 64),
  der ${types.bytes} not null,
  vendor text not null,
  added_by text not null,
  added_at ${types.integer} not null,
  insecure ${types.integer} not null check (insecure in (0, 1))
)${types.tableEnd}`,
      `
create table service_state (
  only_row ${types.integer} primary key default 1 check (only_row = 1),
  policy_version ${types.integer} not null default 0,
  policy_settings text,
  revocation_number ${types.integer} not null default 0,
  deny_issued_before ${types.integer}
)${types.tableEnd}`,
      'insert into service_state (only_row) values (1)',
      auditTable(types),
    ],
  },
];
