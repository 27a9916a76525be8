import { parseCertificate } from '@sekimori/pki';
import type { TpmRootShape } from '@sekimori/protocol';
import { describeFault, expectOk, fail, type Fault, ok, type Result } from '@sekimori/result';
import type { TpmRoot } from '@sekimori/store';
import type { AttestationDeps } from '../deps.ts';
import { readBytes } from '../wire.ts';
import type { Act } from './hosts.ts';

export const listTpmRoots =
  ({ store }: AttestationDeps) =>
  async (): Promise<readonly TpmRootShape[]> =>
    (await store.tpmRoots()).map(onWire);

/** Widens trust: every host whose EK certificate chains to this root can ask to be enrolled. */
export const addTpmRoot =
  (deps: AttestationDeps) =>
  async (
    request: { readonly certificate: string; readonly vendor: string; readonly insecureSoftwareTpm?: boolean },
    act: Act,
  ): Promise<Result<TpmRootShape, Fault<'malformed-request' | 'duplicate-tpm-root'>>> => {
    const der = readBytes(request.certificate, 'certificate');
    if (!der.ok) return der;
    const certificate = parseCertificate(der.value);
    if (!certificate.ok) return fail('malformed-request', describeFault(certificate.fault));
    if (!certificate.value.extensions.basicConstraints?.ca)
      return fail('malformed-request', 'the certificate is not a CA');
    const at = deps.clock.now();
    const insecure = request.insecureSoftwareTpm === true;
    const { vendor } = request;
    const subject = certificate.value.subject.text;
    const added = await deps.store.addTpmRoot({
      root: { der: der.value, vendor, addedBy: act.actor, addedAt: at, insecure },
      audit: { at, kind: 'tpm-root.added', ...act, subject: `tpm-root:${vendor}`, body: { vendor, subject, insecure } },
    });
    return added.ok ? ok(onWire(added.value)) : fail('duplicate-tpm-root', 'this root is trusted already');
  };

function onWire({ fingerprint, der, vendor, addedAt, addedBy, insecure }: TpmRoot): TpmRootShape {
  const subject = expectOk(parseCertificate(der)).subject.text; // parsed before it was stored
  return { fingerprint, subject, vendor, addedAt: addedAt.toISOString(), addedBy, insecure };
}
