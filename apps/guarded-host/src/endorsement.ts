import { equal } from '@sekimori/bytes';
import { describeFault, ok, type Result } from '@sekimori/result';
import { EndorsementKey } from '@sekimori/quote-verifier';
import { type CertifiedEndorsementKey, type EndorsementKeyKind, openEndorsementKey, type Tpm } from '@sekimori/tpm2';
import { type HostFault, hostFault } from './faults.ts';
import type { Enrolment } from './state/state.ts';
import { withTpm } from './tpm-lock.ts';

/** An endorsement key whose certificate is for it and whose template is that of the EK Credential Profile. */
export interface OwnEndorsementKey {
  readonly kind: EndorsementKeyKind;
  readonly key: CertifiedEndorsementKey;
  /** Hex SHA-256 of its SubjectPublicKeyInfo: what people compare. */
  readonly fingerprint: string;
}

export type OwnEndorsementKeys = readonly [OwnEndorsementKey, ...OwnEndorsementKey[]];

/** The first is the one that people compare and sessions use; activation proves them all. */
const KINDS: readonly EndorsementKeyKind[] = ['rsa-2048', 'ecc-p384'];

/**
 * The endorsement keys that have a certificate, for the time of `work`, which has the TPM for itself. `endorsement-key-missing`:
 * there is none.
 */
export function withEndorsementKeys<T>(
  tpm: Tpm,
  work: (keys: OwnEndorsementKeys) => Promise<Result<T, HostFault>>,
): Promise<Result<T, HostFault>> {
  return withTpm(tpm, () => openAll(tpm, work));
}

async function openAll<T>(
  tpm: Tpm,
  work: (keys: OwnEndorsementKeys) => Promise<Result<T, HostFault>>,
): Promise<Result<T, HostFault>> {
  const keys: OwnEndorsementKey[] = [];
  try {
    for (const kind of KINDS) {
      const opened = await open(tpm, kind);
      if (!opened.ok) return opened;
      if (opened.value) keys.push(opened.value);
    }
    const [first, ...others] = keys;
    if (!first) return hostFault('endorsement-key-missing', 'no endorsement certificate in NV memory');
    return await work([first, ...others]);
  } finally {
    for (const { key } of keys) await key.release();
  }
}

/** All of them, if the first is the enrolled one. */
export function withEnrolledKeys<T>(
  tpm: Tpm,
  enrolment: Enrolment,
  work: (keys: OwnEndorsementKeys) => Promise<Result<T, HostFault>>,
): Promise<Result<T, HostFault>> {
  return withEndorsementKeys(tpm, async (keys) => {
    const enrolled = asEnrolled(keys[0], enrolment);
    return enrolled.ok ? work(keys) : enrolled;
  });
}

/** The enrolled endorsement key for the time of `work`, under `withTpm`: sessions salted to it reach the enrolled TPM or nobody. */
export async function withEnrolledKey<T>(
  tpm: Tpm,
  enrolment: Enrolment,
  work: (key: CertifiedEndorsementKey) => Promise<Result<T, HostFault>>,
): Promise<Result<T, HostFault>> {
  const { kind } = enrolment.endorsementKey;
  const opened = await open(tpm, kind);
  if (!opened.ok) return opened;
  const own = opened.value;
  if (!own) return hostFault('endorsement-key-changed', `the ${kind} endorsement certificate is not there any more`);
  try {
    const enrolled = asEnrolled(own, enrolment);
    return enrolled.ok ? await work(own.key) : enrolled;
  } finally {
    await own.key.release();
  }
}

function asEnrolled(own: OwnEndorsementKey, { endorsementKey }: Enrolment): Result<void, HostFault> {
  if (equal(own.key.name, endorsementKey.name)) return ok(undefined);
  return hostFault(
    'endorsement-key-changed',
    `enrolled was the endorsement key ${endorsementKey.fingerprint}, this TPM has ${own.fingerprint}`,
  );
}

/** Undefined where NV holds no certificate for a key of this kind. */
async function open(tpm: Tpm, kind: EndorsementKeyKind): Promise<Result<OwnEndorsementKey | undefined, HostFault>> {
  const opened = await openEndorsementKey(tpm, kind);
  if (!opened.ok) {
    const { fault } = opened;
    const absent =
      fault.code === 'tpm-error' && fault.command === 'NV_ReadPublic' && fault.response.name === 'TPM_RC_HANDLE';
    return absent ? ok(undefined) : opened;
  }
  const key = opened.value;
  const checked = EndorsementKey.check(tpm.crypto, key.tpm2bPublic);
  if (checked.ok) return ok({ kind, key, fingerprint: checked.value.fingerprint });
  await key.release();
  return hostFault(
    'endorsement-key-missing',
    `the ${kind} endorsement key: ${describeFault(checked.fault)}`,
    checked.fault,
  );
}
