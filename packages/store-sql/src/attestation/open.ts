import { type Result, ok } from '@sekimori/result';
import type { AttestationStore } from '@sekimori/store';
import { auditLog } from '../audit.ts';
import { type OpenFault, type SqliteOptions, openDatabase } from '../open.ts';
import type { AttestationTables } from '../tables.ts';
import { sqlActivations } from './activations.ts';
import { sqlAttestations } from './attestations.ts';
import { sqlHosts } from './hosts.ts';
import { ATTESTATION_MIGRATIONS } from './migrations.ts';
import { sqlPolicy } from './policy.ts';

/** The attestation service's database. Faults: see `openDatabase`; a file that cannot be had at all rejects. */
export async function openAttestationStore(options: SqliteOptions): Promise<Result<AttestationStore, OpenFault>> {
  const opened = await openDatabase<AttestationTables>(options, ATTESTATION_MIGRATIONS);
  if (!opened.ok) return opened;
  const database = opened.value;
  const { append, audit } = auditLog(options.crypto, database);
  return ok({
    ...sqlHosts(database, append),
    ...sqlActivations(database, append),
    ...sqlAttestations(options.crypto, database, append),
    ...sqlPolicy(options.crypto, database, append),
    ...audit,
    close: () => database.close(),
  });
}
