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
  name text not null,
  state text not null check (state in ('pending', 'approved', 'active', 'revoked')),
  properties text not null,
  ak_public ${types.bytes},
  ak_name ${types.bytes},
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
  removed_at ${types.integer},
  removed_by text,
  activation_failed_at ${types.integer},
  verdict_at ${types.integer},
  verdict_outcome text check (verdict_outcome in ('good', 'refused')),
  certificate_not_after ${types.integer},
  check ((ak_public is null) = (ak_name is null)),
  check (state <> 'active' or ak_name is not null),
  check (state not in ('pending', 'approved') or ak_name is null),
  check (state not in ('approved', 'active') or approved_at is not null),
  check (state <> 'pending' or approved_at is null),
  check ((state = 'revoked') = (revoked_at is not null)),
  check (removed_at is null or state = 'revoked'),
  check ((removed_at is null) = (removed_by is null))
)${types.tableEnd}`,
      // Anyone can make a pending host, so it keeps nothing from others.
      'create unique index host_name on host (name) where approved_at is not null and removed_at is null',
      'create unique index host_ak_name on host (ak_name) where removed_at is null',
      'create index host_state on host (state, id)',
      "create index host_pending on host (enrolled_at, name) where state = 'pending'",
      `
create table endorsement_key (
  host_id text not null references host,
  position ${types.integer} not null,
  spki_hash text not null check (length(spki_hash) = 64),
  bound ${types.integer} not null check (bound in (0, 1)),
  public ${types.bytes} not null,
  certificate ${types.bytes} not null,
  primary key (host_id, position)
)${types.tableEnd}`,
      'create unique index endorsement_key_bound on endorsement_key (spki_hash) where bound = 1',
      'create index endorsement_key_hash on endorsement_key (spki_hash)',
      `
create table activation (
  id text primary key,
  host_id text not null references host,
  proof_hash text not null check (length(proof_hash) = 64),
  ak_public ${types.bytes} not null,
  ak_name ${types.bytes} not null,
  expires_at ${types.integer} not null,
  unique (host_id, ak_name)
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
  evidence_at ${types.integer} not null,
  not_after ${types.integer} not null,
  der ${types.bytes} not null,
  revoked ${types.integer} not null check (revoked in (0, 1))
)${types.tableEnd}`,
      'create index certificate_outstanding on certificate (host_id, not_after) where revoked = 0',
      'create index certificate_end on certificate (not_after)',
      // A row for a host, so that the feed need not look at its certificates.
      `
create table denial (
  host_id text primary key references host,
  before ${types.integer} not null,
  until ${types.integer} not null
)${types.tableEnd}`,
      'create index denial_end on denial (until)',
      `
create table verdict (
  id ${types.counted},
  host_id text not null references host,
  at ${types.integer} not null,
  outcome text not null check (outcome in ('good', 'refused')),
  certificate_serial text unique,
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
      'create index verdict_of_log on verdict (log_digest)',
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
  insecure ${types.integer} not null check (insecure in (0, 1)),
  manufacturers text
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
