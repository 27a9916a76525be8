import { fail, ok } from '@sekimori/result';
import type { HostState, HostStore } from '../hosts.ts';
import { pageLimit } from '../paging.ts';
import { approve, enrol, revoke } from '../transitions.ts';
import type { Append } from './audit.ts';
import { type State, byText, kept, revokeCertificates } from './state.ts';

export function memoryHosts(state: State, append: Append): HostStore {
  const all = () => [...state.hosts.values()];
  return {
    enrolHost: async (command) => {
      const keys = new Set(command.host.endorsementKeys.map((key) => key.spkiHash));
      const named = all().find((host) => host.name === command.host.name);
      const next = enrol(command, {
        named,
        keyHolders: all().filter((host) => host.endorsementKeys.some((key) => keys.has(key.spkiHash))).length,
        pending: all().filter((host) => host.state === 'pending').length,
      });
      if (next.ok && next.value !== named) {
        if (state.hosts.has(next.value.id)) throw new Error(`host id ${next.value.id} is taken`);
        const host = { ...next.value, properties: kept(next.value.properties) };
        append(command.audit);
        state.hosts.set(host.id, structuredClone(host));
      }
      return structuredClone(next);
    },
    approveHost: async (command) => {
      const next = approve(state.hosts.get(command.id), command);
      if (next.ok) {
        append(command.audit);
        state.hosts.set(command.id, structuredClone(next.value));
      }
      return structuredClone(next);
    },
    revokeHost: async (command) => {
      const host = state.hosts.get(command.id);
      if (host === undefined) return fail('unknown-host', 'no such host');
      if (host.state === 'revoked') return structuredClone(ok(host));
      append(command.audit);
      const next = revoke(host, command);
      state.hosts.set(command.id, structuredClone(next));
      state.activations.delete(command.id);
      revokeCertificates(state, command.id, command.at);
      state.revocationNumber++;
      return structuredClone(ok(next));
    },
    host: async (id) => structuredClone(state.hosts.get(id)),
    hostByName: async (name) => structuredClone(all().find((host) => host.name === name)),
    countHosts: async () => {
      const count = (wanted: HostState) => all().filter((host) => host.state === wanted).length;
      return {
        pending: count('pending'),
        approved: count('approved'),
        active: count('active'),
        revoked: count('revoked'),
      };
    },
    hosts: async ({ state: wanted, after, limit }) =>
      structuredClone(
        all()
          .filter(
            (host) => (wanted === undefined || host.state === wanted) && (after === undefined || host.name > after),
          )
          .toSorted(byText((host) => host.name))
          .slice(0, pageLimit(limit)),
      ),
  };
}
