import type { Hashing } from '@sekimori/audit-log';
import { toHex } from '@sekimori/bytes';
import { fail, ok } from '@sekimori/result';
import { pageLimit } from '../paging.ts';
import type { AttestationPolicy, BaselineRecord, PolicyStore } from '../policy.ts';
import type { Append } from './audit.ts';
import { type State, byText, kept } from './state.ts';

export function memoryPolicy(crypto: Hashing, state: State, append: Append): PolicyStore {
  const baselines = () => [...state.baselines.values()].toSorted(byText(({ name }) => name));
  const active = () => baselines().filter((baseline) => baseline.retiredAt === null);
  const policy = (): AttestationPolicy =>
    structuredClone({ version: state.policyVersion, settings: state.settings, baselines: active() });
  return {
    attestationPolicy: async () => policy(),
    policyVersion: async () => state.policyVersion,
    setAttestationPolicy: async ({ settings, expectedVersion, audit }) => {
      if (state.policyVersion !== expectedVersion)
        return fail('policy-changed', `version ${state.policyVersion} is in force, not ${expectedVersion}`);
      const next = kept(settings);
      append(audit);
      state.settings = next;
      state.policyVersion++;
      return ok(policy());
    },
    addBaseline: async ({ baseline, audit }) => {
      if (active().some(({ name }) => name === baseline.name))
        return fail('duplicate-name', 'a baseline in force has this name');
      if (state.baselines.has(baseline.id)) throw new Error(`baseline id ${baseline.id} is taken`);
      const content = kept(baseline.content);
      append(audit);
      const added: BaselineRecord = { ...structuredClone(baseline), content, retiredAt: null, retiredBy: null };
      state.baselines.set(added.id, added);
      state.policyVersion++;
      return ok(structuredClone(added));
    },
    retireBaseline: async ({ id, by, at, audit }) => {
      const baseline = state.baselines.get(id);
      if (baseline === undefined) return fail('unknown-baseline', 'no such baseline');
      if (baseline.retiredAt !== null) return ok(structuredClone(baseline));
      append(audit);
      const retired = { ...baseline, retiredAt: structuredClone(at), retiredBy: by };
      state.baselines.set(id, retired);
      state.policyVersion++;
      return ok(structuredClone(retired));
    },
    baselines: async ({ limit }) =>
      structuredClone(
        baselines()
          .toSorted((a, b) => byText<BaselineRecord>(({ name }) => name)(a, b) || +a.addedAt - +b.addedAt)
          .slice(0, pageLimit(limit)),
      ),
    addTpmRoot: async ({ root, audit }) => {
      const fingerprint = toHex(crypto.hash('sha256', root.der));
      if (state.tpmRoots.has(fingerprint)) return fail('duplicate-root', 'this root is trusted already');
      append(audit);
      const added = { fingerprint, ...structuredClone(root) };
      state.tpmRoots.set(fingerprint, added);
      return ok(structuredClone(added));
    },
    removeTpmRoot: async ({ fingerprint, audit }) => {
      const root = state.tpmRoots.get(fingerprint);
      if (root === undefined) return fail('unknown-root', 'no such root');
      append(audit);
      state.tpmRoots.delete(fingerprint);
      return ok(structuredClone(root));
    },
    tpmRoots: async () => structuredClone([...state.tpmRoots.values()].toSorted(byText((root) => root.fingerprint))),
  };
}
