import { sameKey, randomUuid } from '@sekimori/crypto-core';
import { type Certificate, checkEndorsementCertificate, parseCertificate } from '@sekimori/pki';
import type { EnrolRequest, HostStatus } from '@sekimori/protocol';
import { EndorsementKey } from '@sekimori/quote-verifier';
import { describeFault, fail, ok, type Result } from '@sekimori/result';
import type { RefusalFault } from '@sekimori/service-kit';
import type { NewHost } from '@sekimori/store';
import type { AttestationDeps } from '../deps.ts';
import { trustedRoots } from '../trust.ts';
import { hostStatus, readBytes } from '../wire.ts';

type StoredKey = NewHost['endorsementKeys'][number];
type Refusal = RefusalFault<
  'malformed-request' | 'endorsement-key-refused' | 'duplicate-name' | 'duplicate-ek' | 'too-many-pending'
>;

/**
 * A host asks to be enrolled: its endorsement keys must have the template of an EK, and certificates for exactly these keys that
 * chain to a trusted TPM vendor. It then waits for an administrator, since a certificate says «a genuine TPM», not «this server».
 */
export const enrolHost =
  (deps: AttestationDeps) =>
  async (request: EnrolRequest, traceId: string): Promise<Result<HostStatus, Refusal>> => {
    const at = deps.clock.now();
    const intermediates: Certificate[] = [];
    for (const text of request.intermediates) {
      const der = readBytes(text, 'intermediates');
      if (!der.ok) return der;
      const certificate = parseCertificate(der.value);
      if (!certificate.ok) return refused('an intermediate certificate', certificate.fault);
      intermediates.push(certificate.value);
    }
    const roots = await trustedRoots(deps);
    const keys: StoredKey[] = [];
    for (const sent of request.endorsementKeys) {
      const key = checkKey(deps, sent, { roots, intermediates, at });
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
    const enrolled = await deps.store.enrolHost({
      host,
      maxPending: deps.settings.maxPendingHosts,
      audit: {
        at,
        kind: 'host.enrolled',
        actor: 'anyone',
        subject: `host:${host.id}`,
        traceId,
        body: { name: host.name, endorsementKeys: keys.map(({ spkiHash }) => spkiHash) },
      },
    });
    return enrolled.ok ? ok(hostStatus(enrolled.value)) : enrolled;
  };

function checkKey(
  deps: AttestationDeps,
  sent: EnrolRequest['endorsementKeys'][number],
  trust: { readonly roots: readonly Certificate[]; readonly intermediates: readonly Certificate[]; readonly at: Date },
): Result<StoredKey, RefusalFault<'malformed-request' | 'endorsement-key-refused'>> {
  const publicBytes = readBytes(sent.public, 'public');
  if (!publicBytes.ok) return publicBytes;
  const der = readBytes(sent.certificate, 'certificate');
  if (!der.ok) return der;
  const key = EndorsementKey.check(deps.crypto, publicBytes.value);
  if (!key.ok) return refused('the endorsement key', key.fault);
  const certificate = parseCertificate(der.value);
  if (!certificate.ok) return refused('the endorsement certificate', certificate.fault);
  const checked = checkEndorsementCertificate(deps.crypto, certificate.value, { ...trust, cache: deps.chains });
  if (!checked.ok) return refused('the endorsement certificate', checked.fault);
  if (!sameKey(checked.value.publicKey, key.value.publicKey))
    return refused('the endorsement certificate', {
      code: 'ek-certificate-other-key',
      detail: 'it is for another key',
    });
  return ok({ public: publicBytes.value, certificate: der.value, spkiHash: key.value.fingerprint });
}

function refused(what: string, fault: { readonly code: string; readonly detail: string }) {
  const detail = `${what} was refused: ${describeFault(fault)}`;
  return { ok: false, fault: { code: 'endorsement-key-refused', detail, subStatus: [fault.code] } } as const;
}
