import { auditTable } from '../audit.ts';
import type { Migration } from '../migrations.ts';

/** Never change one that was released: add another. */
export const KEY_PROTECTION_MIGRATIONS: readonly Migration[] = [
  {
    name: 'key protection: releases, guardians, audit',
    statements: (types) => [
      `
create table release (
  sequence ${types.counted},
  id text not null unique,
  at ${types.integer} not null,
  host_id text not null,
  certificate_serial text not null,
  guardian_fingerprint text not null,
  ingress_digest text not null check (length(ingress_digest) = 64),
  egress_digest text not null check (length(egress_digest) = 64),
  details text not null
)${types.tableEnd}`,
      `
create table guardian (
  position ${types.counted},
  fingerprint text not null unique,
  signing_certificate ${types.bytes} not null,
  encryption_certificate ${types.bytes} not null,
  signature ${types.bytes} not null,
  added_at ${types.integer} not null,
  is_primary ${types.integer} not null check (is_primary in (0, 1)),
  enabled ${types.integer} not null check (enabled in (0, 1)),
  check (is_primary = 0 or enabled = 1)
)${types.tableEnd}`,
      'create unique index one_primary_guardian on guardian (is_primary) where is_primary = 1',
      `
create table seen_revocation (
  issuer text primary key,
  number ${types.integer} not null
)${types.tableEnd}`,
      auditTable(types),
    ],
  },
];
