import { sameKey, randomUuid } from '@sekimori/crypto-core';
import {
  type Certificate,
  checkEndorsementCertificate,
  type EndorsementOptions,
  parseCertificate,
} from '@sekimori/pki';
import type { EnrolRequest, HostStatus } from '@sekimori/protocol';
import { EndorsementKey } from '@sekimori/quote-verifier';
import { describeFault, fail, ok, type Result } from '@sekimori/result';
import type { RefusalFault } from '@sekimori/service-kit';
import type { NewHost } from '@sekimori/store';
import type { AttestationDeps } from '../deps.ts';
import { tpmTrust } from '../trust.ts';
import { hostStatus, readFields, readList } from '../wire.ts';

type StoredKey = NewHost['endorsementKeys'][number];
type Refusal = RefusalFault<'malformed-request' | 'endorsement-key-refused' | 'duplicate-name' | 'duplicate-ek'>;

/**
 * A host asks to be enrolled: its endorsement keys must have the template of an EK, and certificates for exactly these keys that
 * chain to a trusted TPM vendor. It then waits for an administrator, since a certificate says «a genuine TPM», not «this server»:
 * neither key nor certificate is secret, so whoever asks proves nothing, keeps nothing from others, and is forgotten after a while.
 */
export const enrolHost =
  (deps: AttestationDeps) =>
  async (request: EnrolRequest): Promise<Result<HostStatus, Refusal>> => {
    const at = deps.clock.now();
    const sent = readRequest(request);
    if (!sent.ok) return sent;
    const intermediates: Certificate[] = [];
    for (const der of sent.value.intermediates) {
      const certificate = parseCertificate(der);
      if (!certificate.ok) return refused('an intermediate certificate', certificate.fault);
      intermediates.push(certificate.value);
    }
    const trust = await tpmTrust(deps);
    const keys: StoredKey[] = [];
    for (const pair of sent.value.endorsementKeys) {
      const key = checkKey(deps, pair, { ...trust, intermediates, at });
      if (!key.ok) return key;
      keys.push(key.value);
    }
    const [first, ...others] = keys;
    if (!first) return fail('malformed-request', 'no endorsement key');
    const host = {
      id: randomUuid(deps.crypto),
      name: request.name,
      endorsementKeys: [first, ...others] as const,
      properties: request.properties,
      enrolledAt: at,
    };
    const enrolled = await deps.store.enrolHost({ host, maxPending: deps.settings.maxPendingHosts });
    return enrolled.ok ? ok(hostStatus(enrolled.value)) : enrolled;
  };

type SentKey = Omit<StoredKey, 'spkiHash'>;

/** The request's bytes, all of them before any is looked at. */
function readRequest(
  request: EnrolRequest,
): Result<
  { readonly endorsementKeys: readonly SentKey[]; readonly intermediates: readonly Uint8Array[] },
  RefusalFault<'malformed-request'>
> {
  const endorsementKeys: SentKey[] = [];
  for (const { public: area, certificate } of request.endorsementKeys) {
    const key = readFields({ public: area, certificate });
    if (!key.ok) return key;
    endorsementKeys.push(key.value);
  }
  const intermediates = readList(request.intermediates, 'intermediates');
  return intermediates.ok ? ok({ endorsementKeys, intermediates: intermediates.value }) : intermediates;
}

function checkKey(
  deps: AttestationDeps,
  sent: SentKey,
  trust: Pick<EndorsementOptions, 'roots' | 'manufacturersOf' | 'intermediates' | 'at'>,
): Result<StoredKey, RefusalFault<'endorsement-key-refused'>> {
  const key = EndorsementKey.check(deps.crypto, sent.public);
  if (!key.ok) return refused('the endorsement key', key.fault);
  const certificate = parseCertificate(sent.certificate);
  if (!certificate.ok) return refused('the endorsement certificate', certificate.fault);
  const checked = checkEndorsementCertificate(deps.crypto, certificate.value, { ...trust, cache: deps.chains });
  if (!checked.ok) return refused('the endorsement certificate', checked.fault);
  if (!sameKey(checked.value.publicKey, key.value.publicKey))
    return refused('the endorsement certificate', {
      code: 'ek-certificate-other-key',
      detail: 'it is for another key',
    });
  return ok({ ...sent, spkiHash: key.value.fingerprint });
}

function refused(what: string, fault: { readonly code: string; readonly detail: string }) {
  const detail = `${what} was refused: ${describeFault(fault)}`;
  return { ok: false, fault: { code: 'endorsement-key-refused', detail, subStatus: [fault.code] } } as const;
}
