import { equal } from '@sekimori/bytes';
import { describeFault, ok, type Result } from '@sekimori/result';
import { EndorsementKey } from '@sekimori/quote-verifier';
import { type CertifiedEndorsementKey, type EndorsementKeyKind, openEndorsementKey, type Tpm } from '@sekimori/tpm2';
import { type HostFault, hostFault } from './faults.ts';
import type { Enrolment } from './state/state.ts';

/** An endorsement key whose certificate is for it and whose template is that of the EK Credential Profile. */
export interface OwnEndorsementKey {
  readonly kind: EndorsementKeyKind;
  readonly key: CertifiedEndorsementKey;
  /** Hex SHA-256 of its SubjectPublicKeyInfo: what people compare. */
  readonly fingerprint: string;
}

/** The first is the one that activation and sessions use. */
const KINDS: readonly EndorsementKeyKind[] = ['rsa-2048', 'ecc-p384'];

/** The endorsement keys that have a certificate, for the time of `work`. `endorsement-key-missing`: there is none. */
export async function withEndorsementKeys<T>(
  tpm: Tpm,
  work: (keys: readonly [OwnEndorsementKey, ...OwnEndorsementKey[]]) => Promise<Result<T, HostFault>>,
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

/** The enrolled endorsement key for the time of `work`: sessions salted to it reach the enrolled TPM or nobody. */
export async function withEnrolledKey<T>(
  tpm: Tpm,
  { endorsementKey }: Enrolment,
  work: (key: CertifiedEndorsementKey) => Promise<Result<T, HostFault>>,
): Promise<Result<T, HostFault>> {
  const opened = await open(tpm, endorsementKey.kind);
  if (!opened.ok) return opened;
  const own = opened.value;
  if (!own)
    return hostFault(
      'endorsement-key-changed',
      `the ${endorsementKey.kind} endorsement certificate is not there any more`,
    );
  try {
    if (!equal(own.key.name, endorsementKey.name))
      return hostFault(
        'endorsement-key-changed',
        `enrolled was the endorsement key ${endorsementKey.fingerprint}, this TPM has ${own.fingerprint}`,
      );
    return await work(own.key);
  } finally {
    await own.key.release();
  }
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
