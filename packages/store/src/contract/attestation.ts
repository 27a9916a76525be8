import type { Hashing } from '@sekimori/audit-log';
import { afterEach, beforeEach, describe } from 'vitest';
import type { AttestationStore } from '../attestation-store.ts';
import { activationsContract } from './activations.ts';
import { attestationsContract } from './attestations.ts';
import { auditContract } from './audit.ts';
import { hostsContract } from './hosts.ts';
import { policyContract } from './policy.ts';

/**
 * What every AttestationStore must do. `fresh` makes an empty database and gives the way to open it: each call is one more
 * connection, where the adapter has such.
 */
export function attestationStoreContract(
  name: string,
  crypto: Hashing,
  fresh: () => Promise<() => Promise<AttestationStore>>,
): void {
  describe(`AttestationStore: ${name}`, () => {
    let connections: () => Promise<AttestationStore>;
    const opened: AttestationStore[] = [];
    const open = async () => {
      const store = await connections();
      opened.push(store);
      return store;
    };
    beforeEach(async () => {
      connections = await fresh();
    });
    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close();
    });

    hostsContract(open);
    activationsContract(open);
    attestationsContract(crypto, open);
    policyContract(crypto, open);
    auditContract(crypto, open);
  });
}
