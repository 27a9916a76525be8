import { equal } from '@sekimori/bytes';
import { fail, ok } from '@sekimori/result';
import { type Activation, type ActivationStore, type NewActivation, OPEN_ACTIVATIONS } from '../activations.ts';
import { activate, failActivation, mayActivate } from '../transitions.ts';
import type { Append } from './audit.ts';
import { bind, holdersOf } from './hosts.ts';
import type { State } from './state.ts';

export function memoryActivations(state: State, append: Append): ActivationStore {
  const shown = ({ activationId, hostId, attestationKey, expiresAt }: NewActivation): Activation =>
    structuredClone({ activationId, hostId, attestationKey, expiresAt });
  const ofHost = (id: string) => [...state.activations.values()].filter(({ hostId }) => hostId === id);
  return {
    openActivation: async (command) => {
      const { activationId, hostId, attestationKey } = command;
      const allowed = mayActivate(state.hosts.get(hostId));
      if (!allowed.ok) return allowed;
      if (state.activations.has(activationId)) throw new Error('an activation id is taken');
      for (const open of ofHost(hostId))
        if (equal(open.attestationKey.name, attestationKey.name)) state.activations.delete(open.activationId);
      const others = ofHost(hostId).toSorted((one, other) => one.expiresAt.getTime() - other.expiresAt.getTime());
      for (const open of others.slice(0, Math.max(0, others.length - OPEN_ACTIVATIONS + 1)))
        state.activations.delete(open.activationId);
      state.activations.set(activationId, structuredClone(command));
      return ok(shown(command));
    },
    activation: async (activationId) => {
      const found = state.activations.get(activationId);
      return found && shown(found);
    },
    completeActivation: async (command) => {
      const activation = state.activations.get(command.activationId);
      if (activation === undefined) return fail('unknown-activation', 'no such activation is open');
      const { activationId, hostId, attestationKey } = activation;
      const host = state.hosts.get(hostId);
      const next = activate(activation, command, {
        host,
        keyTaken: [...state.hosts.values()].some(
          (each) =>
            each.removedAt === null &&
            each.attestationKey !== null &&
            equal(each.attestationKey.name, attestationKey.name),
        ),
        endorsementKeyTaken: holdersOf(state, host?.endorsementKeys ?? []).some(({ id }) => id !== hostId),
      });
      if (next.ok) {
        append(command.audit.completed);
        for (const open of ofHost(hostId)) state.activations.delete(open.activationId);
        bind(state, next.value);
      } else {
        const failed = failActivation(host, command.at);
        if (failed) append(command.audit.failed);
        if (failed) state.hosts.set(hostId, failed);
        state.activations.delete(activationId);
      }
      return structuredClone(next);
    },
  };
}
