import { concat, u32be } from '@sekimori/bytes';
import { type HashName, hashLength } from '@sekimori/crypto-core';
import { type CommandName, COMMANDS } from '@sekimori/tpm2';
import type { Machine } from './machine.ts';
import type { Session } from './sessions.ts';

/** policyDigest := H(policyDigest || TPM_CC || parts). Part 3, 23.2.3. */
export function extendPolicy(
  { crypto }: Machine,
  { hash, policy }: Session,
  name: CommandName,
  ...parts: readonly Uint8Array[]
): void {
  policy.digest = crypto.hash(hash, concat(policy.digest, u32be(COMMANDS[name].code), ...parts));
}

/** PolicyUpdate: an entity, then the reference in a hash of its own, empty or not. Part 3, 23.2.4. */
export function extendPolicyBy(
  machine: Machine,
  session: Session,
  name: CommandName,
  entity: Uint8Array,
  policyRef: Uint8Array,
): void {
  extendPolicy(machine, session, name, entity);
  session.policy.digest = machine.crypto.hash(session.hash, concat(session.policy.digest, policyRef));
}

/** What every policy begins with, and begins again with after TPM2_PolicyOR and its like. */
export function emptyPolicy(hash: HashName): Uint8Array {
  return new Uint8Array(hashLength(hash));
}
