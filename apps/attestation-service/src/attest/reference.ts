import { type AttestationPolicy, parseAttestationPolicy, type Reference } from '@sekimori/policy';
import { expectOk } from '@sekimori/result';
import { baselineOf } from '../admin/baselines.ts';
import type { AttestationDeps } from '../deps.ts';

/** What a new service asks of hosts until an administrator says otherwise. */
const INITIAL_SETTINGS = { secureBoot: 'required', fullBoot: true } as const satisfies Omit<
  AttestationPolicy,
  'version'
>;

/** Writes the settings of a new service, once; those that stand stay. */
export async function ensurePolicy({ store, clock }: Pick<AttestationDeps, 'store' | 'clock'>): Promise<void> {
  if ((await store.attestationPolicy()).settings !== null) return;
  const audit = { at: clock.now(), kind: 'policy.set', actor: 'service', subject: 'policy', body: INITIAL_SETTINGS };
  await store.setAttestationPolicy({ settings: INITIAL_SETTINGS, expectedVersion: 0, audit }); // another node may be first
}

const parsedOf = new WeakMap<object, Reference>();

/** Policy and baselines of one moment, parsed once for each version. Throws before `ensurePolicy`. */
export async function policyInForce({ store }: Pick<AttestationDeps, 'store'>): Promise<Reference> {
  const parsed = parsedOf.get(store);
  if (parsed?.policy.version === (await store.policyVersion())) return parsed;
  const { version, settings, baselines } = await store.attestationPolicy();
  if (settings === null || typeof settings !== 'object') throw new Error('no attestation policy is set');
  const policy = expectOk(parseAttestationPolicy({ ...(settings as object), version }));
  const reference = { policy, baselines: baselines.map(baselineOf) };
  parsedOf.set(store, reference);
  return reference;
}
