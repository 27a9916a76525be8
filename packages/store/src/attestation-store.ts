import type { ActivationStore } from './activations.ts';
import type { AttestationLog } from './attestations.ts';
import type { AuditStore } from './audit.ts';
import type { HostStore } from './hosts.ts';
import type { PolicyStore } from './policy.ts';

/**
 * The attestation service's state. Each command is one transaction, and when its promise resolves it is durable. Expected
 * refusals are faults; an outage of the database rejects.
 */
export interface AttestationStore extends HostStore, ActivationStore, AttestationLog, PolicyStore, AuditStore {
  close(): Promise<void>;
}
