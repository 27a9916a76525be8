import { type Result, ok } from '@sekimori/result';
import type { KeyProtectionStore } from '@sekimori/store';
import { auditLog } from '../audit.ts';
import { type OpenFault, type SqliteOptions, openDatabase } from '../open.ts';
import type { KeyProtectionTables } from '../tables.ts';
import { sqlGuardians } from './guardians.ts';
import { KEY_PROTECTION_MIGRATIONS } from './migrations.ts';
import { sqlReleases } from './releases.ts';

/** The key protection service's database. Faults: see `openDatabase`; a file that cannot be had at all rejects. */
export async function openKeyProtectionStore(options: SqliteOptions): Promise<Result<KeyProtectionStore, OpenFault>> {
  const opened = await openDatabase<KeyProtectionTables>(options, KEY_PROTECTION_MIGRATIONS);
  if (!opened.ok) return opened;
  const database = opened.value;
  const { append, audit } = auditLog(options.crypto, database);
  return ok({
    ...sqlReleases(database, append),
    ...sqlGuardians(database, append),
    ...audit,
    close: () => database.close(),
  });
}
