import { type AttestationPolicy, parseAttestationPolicy, type Reference } from '@sekimori/policy';
import { expectOk } from '@sekimori/result';
import { baselineOf } from '../admin/baselines.ts';
import type { AttestationDeps } from '../deps.ts';

/** What a new service asks of hosts until an administrator says otherwise. */
export const INITIAL_SETTINGS = { secureBoot: 'required', fullBoot: true } as const satisfies Omit<
  AttestationPolicy,
  'version'
>;

/** Policy and baselines of one moment. Throws before the settings were written at the first start. */
export async function policyInForce({ store }: Pick<AttestationDeps, 'store'>): Promise<Reference> {
  const { version, settings, baselines } = await store.attestationPolicy();
  if (settings === null || typeof settings !== 'object') throw new Error('no attestation policy is set');
  return { policy: expectOk(parseAttestationPolicy({ ...settings, version })), baselines: baselines.map(baselineOf) };
}
