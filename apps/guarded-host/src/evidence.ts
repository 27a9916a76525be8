import { equal, fromBase64Url, toBase64Url } from '@sekimori/bytes';
import type { AttestRequest, ChallengeReply } from '@sekimori/protocol';
import { evidenceBinding, GROWING_PCR } from '@sekimori/quote-verifier';
import { fail, ok, type Result } from '@sekimori/result';
import {
  certify,
  createAttestationKey,
  createHealthKey,
  healthKeyPolicy,
  type LoadedKey,
  type PcrQuote,
  type PcrSelection,
  quoteWithPcrs,
  type Tpm,
  type TpmResult,
} from '@sekimori/tpm2';
import type { AttestDeps } from './deps.ts';
import { type HostFault, hostFault } from './faults.ts';
import { openTlsIdentity } from './tls-identity.ts';

/** What a host can be made to say otherwise, to show what a service refuses. */
export interface EvidenceOverrides {
  /** In whose name; else that of the enrolment. */
  readonly hostId?: string;
  /** The key that signs. It is flushed afterwards. */
  readonly attestationKey?: (tpm: Tpm) => Promise<TpmResult<LoadedKey>>;
  readonly eventLog?: Uint8Array;
  /** SubjectPublicKeyInfo (DER) of the TLS client key that the certificate is to name. */
  readonly clientKey?: Uint8Array;
}

type EvidenceDeps = Omit<AttestDeps, 'attestation' | 'url' | 'signers'>;

/**
 * The Evidence for one challenge: a quote, its PCR values, the event log, the list of IMA where PCR 10 is asked for, and the health key certified in the same boot, all bound to
 * challenge, service, host and TLS key. Sends nothing.
 */
export async function collectEvidence(
  deps: EvidenceDeps,
  challenge: ChallengeReply,
  overrides: EvidenceOverrides = {},
): Promise<Result<AttestRequest, HostFault>> {
  const { tpm } = deps;
  const bytes = fromBase64Url(challenge.challenge);
  if (!bytes) return hostFault('service-unexpected', 'the challenge is not base64url');
  const sender = await senderOf(deps, overrides);
  if (!sender.ok) return sender;
  const { hostId, clientKey } = sender.value;
  const bound = (healthKeyName: Uint8Array) =>
    evidenceBinding(deps.crypto, {
      challenge: bytes,
      serviceId: challenge.serviceId,
      hostId,
      healthKeyName,
      clientKey,
    });
  const attestationKey = await (overrides.attestationKey ?? createAttestationKey)(tpm);
  if (!attestationKey.ok) return attestationKey;
  try {
    const selection: PcrSelection = { bank: challenge.bank, indices: challenge.pcrs };
    const signed = await signedByTpm(tpm, attestationKey.value, selection, bound);
    if (!signed.ok) return signed;
    // After the quote: a log that is ahead of it can be cut, one that is behind cannot be mended.
    const eventLog = overrides.eventLog ? ok(overrides.eventLog) : await readLog(deps);
    if (!eventLog.ok) return eventLog;
    const imaList = challenge.pcrs.includes(GROWING_PCR) ? await readImaList(deps) : ok(undefined);
    if (!imaList.ok) return imaList;
    const { healthKey, quoted, certified } = signed.value;
    return ok({
      challenge: challenge.challenge,
      hostId,
      quote: { attest: toBase64Url(quoted.attest), signature: toBase64Url(quoted.signature) },
      certify: { attest: toBase64Url(certified.attest), signature: toBase64Url(certified.signature) },
      healthKey: toBase64Url(healthKey),
      pcrs: [...quoted.pcrs].map(([index, value]) => ({ index, value: toBase64Url(value) })),
      eventLog: toBase64Url(eventLog.value),
      ...(imaList.value && { imaList: toBase64Url(imaList.value) }),
      clientKey: toBase64Url(clientKey),
    });
  } finally {
    await tpm.flush(attestationKey.value.handle);
  }
}

/** The PCRs a health key's policy can hold. */
export function healthKeySelection(pcrs: readonly number[]): PcrSelection {
  return { bank: 'sha256', indices: pcrs.filter((index) => index !== GROWING_PCR) };
}

interface SignedByTpm {
  /** TPM2B_PUBLIC. */
  readonly healthKey: Uint8Array;
  readonly quoted: PcrQuote;
  readonly certified: { readonly attest: Uint8Array; readonly signature: Uint8Array };
}

/** How often all is done anew because a PCR was extended after the health key had been made for its old value. */
const ATTEMPTS = 5;

async function signedByTpm(
  tpm: Tpm,
  attestationKey: LoadedKey,
  selection: PcrSelection,
  bound: (healthKeyName: Uint8Array) => Uint8Array,
): Promise<Result<SignedByTpm, HostFault>> {
  const stable = healthKeySelection(selection.indices);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const made = await createHealthKey(tpm, stable);
    if (!made.ok) return made;
    const key = made.value;
    try {
      const extraData = bound(key.name);
      const certified = await certify(tpm, key, attestationKey, extraData);
      if (!certified.ok) return certified;
      const quoted = await quoteWithPcrs(tpm, attestationKey, selection, extraData);
      if (!quoted.ok) return quoted;
      const policy = healthKeyPolicy(tpm.crypto, stable, quoted.value.pcrs);
      if (policy && equal(policy, key.publicArea.value.authPolicy))
        return ok({ healthKey: key.tpm2bPublic, quoted: quoted.value, certified: certified.value });
    } finally {
      await tpm.flush(key.handle);
    }
  }
  return fail('pcr-unstable', 'PCRs were extended during each of several attestations');
}

async function senderOf(
  deps: EvidenceDeps,
  { hostId, clientKey }: EvidenceOverrides,
): Promise<Result<{ readonly hostId: string; readonly clientKey: Uint8Array }, HostFault>> {
  const enrolment = await deps.state.enrolment();
  if (!enrolment.ok) return enrolment;
  const sender = hostId ?? enrolment.value?.hostId;
  if (sender === undefined) return hostFault('not-enrolled', 'this host is not enrolled');
  const tls = await openTlsIdentity(deps);
  return tls.ok ? ok({ hostId: sender, clientKey: clientKey ?? tls.value.spki }) : tls;
}

/** The firmware's event log. `event-log-unreadable`. */
export async function readLog({
  readEventLog,
}: Pick<AttestDeps, 'readEventLog'>): Promise<Result<Uint8Array, HostFault>> {
  try {
    return ok(await readEventLog());
  } catch (error) {
    return hostFault('event-log-unreadable', (error as Error).message);
  }
}

/** An empty one is that of a kernel which measures nothing; PCR 10 shows the same then, and no service takes it. */
async function readImaList({
  readImaList: read,
}: Pick<AttestDeps, 'readImaList'>): Promise<Result<Uint8Array, HostFault>> {
  const asked = 'PCR 10 is asked for, and ';
  if (!read) return hostFault('ima-list-unreadable', `${asked}there is no list of IMA`);
  try {
    const list = await read();
    return list.length > 0 ? ok(list) : hostFault('ima-list-unreadable', `${asked}the list of IMA is empty`);
  } catch (error) {
    return hostFault('ima-list-unreadable', `${asked}the list of IMA cannot be read: ${(error as Error).message}`);
  }
}
