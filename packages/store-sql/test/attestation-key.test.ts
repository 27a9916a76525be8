import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import type { HostRecord } from '@sekimori/store';
import { expect, it } from 'vitest';
import { hostBy, updateHost } from '../src/attestation/host-rows.ts';
import { ATTESTATION_MIGRATIONS } from '../src/attestation/migrations.ts';
import { hostRow, keyRows } from '../src/attestation/rows.ts';
import { openDatabase } from '../src/open.ts';
import type { AttestationTables } from '../src/tables.ts';
import { aFile } from './files.ts';

const bytes = Uint8Array.of(1);
const HOST: HostRecord = {
  id: 'h',
  name: 'node7',
  state: 'active',
  ekFingerprint: 'ab'.repeat(32),
  endorsementKeys: [{ public: bytes, certificate: bytes, spkiHash: 'ab'.repeat(32) }],
  properties: null,
  attestationKey: { public: bytes, name: bytes },
  counters: null,
  enrolledAt: new Date(0),
  approvedAt: new Date(1),
  approvedBy: 'alice',
  revokedAt: null,
  revokedBy: null,
  revocationReason: null,
  removedAt: null,
  removedBy: null,
  activationFailedAt: null,
  lastVerdict: null,
};

it('no statement of ours replaces an attestation key, and no row breaks its state', async () => {
  const options = { file: aFile(), crypto: nodeCrypto };
  const database = expectOk(await openDatabase<AttestationTables>(options, ATTESTATION_MIGRATIONS));
  await database.write(async (tables) => {
    await tables.insertInto('host').values(hostRow(HOST)).execute();
    await tables.insertInto('endorsement_key').values(keyRows(HOST)).execute();
  });
  const other = { ...HOST, attestationKey: { public: bytes, name: Uint8Array.of(2) } };
  await expect(database.write((tables) => updateHost(tables, other))).rejects.toThrow('another attestation key');
  for (const broken of [
    { ...HOST, attestationKey: null },
    { ...HOST, state: 'approved' as const },
    { ...HOST, state: 'revoked' as const },
    { ...HOST, revokedAt: new Date(2) },
    { ...HOST, approvedAt: null },
    { ...HOST, removedAt: new Date(2), removedBy: 'bob' },
  ])
    await expect(database.write((tables) => updateHost(tables, broken))).rejects.toThrow();
  expect(await database.read((tables) => hostBy(tables, 'id', 'h'))).toEqual(HOST);
  await database.close();
});
