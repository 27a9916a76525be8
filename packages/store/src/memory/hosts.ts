import { fail, ok } from '@sekimori/result';
import { type EndorsementKey, type HostRecord, type HostState, type HostStore, PENDING_PER_KEY } from '../hosts.ts';
import { pageLimit } from '../paging.ts';
import { approve, boundKeys, enrol, hasName, remove, revoke } from '../transitions.ts';
import type { Append } from './audit.ts';
import { type State, byText, kept, revokeCertificates } from './state.ts';

export function memoryHosts(state: State, append: Append): HostStore {
  const all = () => [...state.hosts.values()];
  const listed = () => all().filter((host) => host.removedAt === null);
  const hostByName = (name: string) => all().find((host) => host.name === name && hasName(host));
  /** The oldest first. */
  const pending = () =>
    all()
      .filter((host) => host.state === 'pending')
      .toSorted((one, other) => one.enrolledAt.getTime() - other.enrolledAt.getTime());
  const makeRoom = (waiting: readonly HostRecord[], places: number) => {
    for (const { id } of waiting.slice(0, Math.max(0, waiting.length - places + 1))) state.hosts.delete(id);
  };
  return {
    enrolHost: async (command) => {
      const next = enrol(command.host, {
        holders: holdersOf(state, command.host.endorsementKeys),
        named: hostByName(command.host.name),
        waiting: pending().filter(({ name }) => name === command.host.name),
      });
      if (!next.ok) return next;
      const { host, isNew } = next.value;
      if (!isNew) return structuredClone(ok(host));
      if (state.hosts.has(host.id)) throw new Error(`host id ${host.id} is taken`);
      const properties = kept(host.properties);
      const sameKey = pending().filter(({ ekFingerprint }) => ekFingerprint === host.ekFingerprint);
      makeRoom(sameKey, PENDING_PER_KEY);
      makeRoom(pending(), command.maxPending);
      state.hosts.set(host.id, structuredClone({ ...host, properties }));
      return structuredClone(ok(host));
    },
    approveHost: async (command) => {
      const host = state.hosts.get(command.id);
      const next = approve(host, command, {
        nameTaken: host !== undefined && hostByName(host.name) !== undefined,
        keyTaken: host !== undefined && holdersOf(state, host.endorsementKeys).length > 0,
      });
      if (next.ok) {
        append(command.audit);
        bind(state, next.value);
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
      for (const { activationId, hostId } of state.activations.values())
        if (hostId === command.id) state.activations.delete(activationId);
      revokeCertificates(state, command.id, command.at);
      state.revocationNumber++;
      return structuredClone(ok(next));
    },
    removeHost: async (command) => {
      const host = state.hosts.get(command.id);
      const next = remove(host, command);
      if (next.ok && next.value !== host) {
        append(command.audit);
        state.hosts.set(command.id, structuredClone(next.value));
      }
      return structuredClone(next);
    },
    prunePendingHosts: async ({ enrolledBefore, limit }) => {
      const old = pending()
        .filter(({ enrolledAt }) => enrolledAt < enrolledBefore)
        .slice(0, pageLimit(limit));
      for (const { id } of old) state.hosts.delete(id);
      return old.length;
    },
    host: async (id) => structuredClone(state.hosts.get(id)),
    hostByName: async (name) => structuredClone(hostByName(name)),
    countHosts: async () => {
      const count = (wanted: HostState) => listed().filter((host) => host.state === wanted).length;
      return {
        pending: count('pending'),
        approved: count('approved'),
        active: count('active'),
        revoked: count('revoked'),
      };
    },
    hosts: async ({ state: wanted, after, limit }) =>
      structuredClone(
        listed()
          .filter((host) => (wanted === undefined || host.state === wanted) && (after === undefined || host.id > after))
          .toSorted(byText((host) => host.id))
          .slice(0, pageLimit(limit)),
      ),
  };
}

/** The hosts that one of the keys is bound to. */
export function holdersOf(state: State, keys: readonly EndorsementKey[]): HostRecord[] {
  const wanted = new Set(keys.map((key) => key.spkiHash));
  return [...state.hosts.values()].filter((host) => boundKeys(host).some((key) => wanted.has(key.spkiHash)));
}

/** Keeps the host, and forgets those who wait with a key that is bound to it. */
export function bind(state: State, host: HostRecord): void {
  state.hosts.set(host.id, structuredClone(host));
  const bound = new Set(boundKeys(host).map((key) => key.spkiHash));
  for (const other of state.hosts.values())
    if (other.state === 'pending' && other.endorsementKeys.some((key) => bound.has(key.spkiHash)))
      state.hosts.delete(other.id);
}
