import { ok, type Result } from '@sekimori/result';
import type { ConnectedHost } from '../connect.ts';
import type { HostFault } from '../faults.ts';
import { withHealthKey } from '../health.ts';
import type { Health } from '../state/state.ts';
import { withTpm } from '../tpm-lock.ts';
import { TpmOutageError } from '../tpm-transport.ts';
import type { LastAttestation } from './verdict.ts';

export interface AttestedBoot {
  readonly attestation: LastAttestation;
  /** The PCRs that were quoted where this boot passed. */
  readonly quoted?: readonly number[];
}

/**
 * How the last attestation of this very boot ended, by the state that is kept: a certificate is of this boot if its key can be
 * made again. Where several services are asked, one that let this boot pass counts. The faults are those of the state.
 */
export async function lastAttestation(
  { settings, states, tpm }: Pick<ConnectedHost, 'settings' | 'states' | 'tpm'>,
  bootedAt: Date,
): Promise<Result<AttestedBoot, HostFault>> {
  if (settings.mode === 'local') return ok(unknown('this host is in local mode, and no service attests it'));
  const found: AttestedBoot[] = [];
  for (const state of states.values()) {
    const health = await state.health();
    if (!health.ok) return health;
    if (health.value) found.push(await judged(tpm, health.value, bootedAt));
  }
  const passed = found.filter(({ attestation }) => attestation.outcome === 'passed');
  if (passed.length > 0) {
    const quoted = [...new Set(passed.flatMap((each) => each.quoted ?? []))].toSorted((a, b) => a - b);
    return ok({ attestation: passed[0]!.attestation, quoted });
  }
  const refused = found.find(({ attestation }) => attestation.outcome === 'refused');
  return ok(refused ?? found[0] ?? unknown('this host has never attested'));
}

/** Refusals by what was measured; others say nothing about it. */
const JUDGED = new Set(['policy-denied', 'evidence-refused']);

async function judged(
  tpm: ConnectedHost['tpm'],
  { certificate, attempt }: Health,
  bootedAt: Date,
): Promise<AttestedBoot> {
  const { code } = attempt;
  const at = attempt.at.toISOString();
  if (certificate) {
    const sameBoot = await keyIsThere(tpm, certificate);
    if (typeof sameBoot === 'string') return unknown(sameBoot);
    return sameBoot
      ? { attestation: { outcome: 'passed', at, code: 'passed' }, quoted: certificate.pcrs }
      : unknown('the last attestation that passed was of another boot, or PCRs changed since');
  }
  if (JUDGED.has(code) && attempt.at.getTime() >= bootedAt.getTime())
    return { attestation: { outcome: 'refused', at, code } };
  return unknown(`no attestation of this boot has passed; the last one ended with ${code}, ${at}`);
}

/** Whether the TPM makes the certified key; why that cannot be told. */
async function keyIsThere(
  tpm: ConnectedHost['tpm'],
  certificate: NonNullable<Health['certificate']>,
): Promise<boolean | string> {
  try {
    const made = await withTpm(tpm, () => withHealthKey(tpm, certificate, async () => ok(undefined)));
    if (made.ok) return true;
    return made.fault.code === 'health-key-changed' ? false : made.fault.detail;
  } catch (error) {
    if (error instanceof TpmOutageError) return error.message;
    throw error;
  }
}

function unknown(why: string): AttestedBoot {
  return { attestation: { outcome: 'unknown', why } };
}
