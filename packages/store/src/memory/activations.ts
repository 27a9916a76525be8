import { equal } from '@sekimori/bytes';
import { fail, ok } from '@sekimori/result';
import type { Activation, ActivationStore, NewActivation } from '../activations.ts';
import { activate, mayActivate } from '../transitions.ts';
import type { Append } from './audit.ts';
import type { State } from './state.ts';

export function memoryActivations(state: State, append: Append): ActivationStore {
  const find = (id: string) => [...state.activations.values()].find((each) => each.activationId === id);
  const shown = ({ activationId, hostId, attestationKey, expiresAt }: NewActivation): Activation =>
    structuredClone({ activationId, hostId, attestationKey, expiresAt });
  return {
    openActivation: async (command) => {
      const allowed = mayActivate(state.hosts.get(command.hostId));
      if (!allowed.ok) return allowed;
      const taken = find(command.activationId);
      if (taken && taken.hostId !== command.hostId) throw new Error('an activation id is taken');
      state.activations.set(command.hostId, structuredClone(command));
      return ok(shown(command));
    },
    activation: async (activationId) => {
      const found = find(activationId);
      return found && shown(found);
    },
    completeActivation: async (command) => {
      const activation = find(command.activationId);
      if (activation === undefined) return fail('unknown-activation', 'no such activation is open');
      const { hostId, attestationKey } = activation;
      const next = activate(activation, command, {
        host: state.hosts.get(hostId),
        keyTaken: [...state.hosts.values()].some(
          (host) => host.attestationKey !== null && equal(host.attestationKey.name, attestationKey.name),
        ),
      });
      append(next.ok ? command.audit.completed : command.audit.failed);
      state.activations.delete(hostId);
      if (next.ok) state.hosts.set(hostId, structuredClone(next.value));
      return structuredClone(next);
    },
  };
}
