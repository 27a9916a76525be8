import type { Hashing } from '@sekimori/audit-log';
import type { AttestationStore } from '../attestation-store.ts';
import { memoryActivations } from './activations.ts';
import { memoryAttestations } from './attestations.ts';
import { memoryAudit } from './audit.ts';
import { memoryHosts } from './hosts.ts';
import { memoryPolicy } from './policy.ts';
import { emptyState } from './state.ts';

/** Everything is gone with the process: for tests and for libraries without a database. */
export function memoryAttestationStore(crypto: Hashing): AttestationStore {
  const { append, audit } = memoryAudit(crypto);
  const state = emptyState();
  return {
    ...memoryHosts(state, append),
    ...memoryActivations(state, append),
    ...memoryAttestations(crypto, state, append),
    ...memoryPolicy(crypto, state, append),
    ...audit,
    close: async () => {},
  };
}
