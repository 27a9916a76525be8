import { isSoftwareTpmVendor, parseCertificate } from '@sekimori/pki';
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
    request: {
      readonly certificate: string;
      readonly vendor: string;
      readonly insecureSoftwareTpm?: boolean;
      readonly manufacturers?: readonly string[];
    },
    act: Act,
  ): Promise<Result<TpmRootShape, Fault<'malformed-request' | 'software-tpm' | 'duplicate-tpm-root'>>> => {
    const der = readBytes(request.certificate, 'certificate');
    if (!der.ok) return der;
    const certificate = parseCertificate(der.value);
    if (!certificate.ok) return fail('malformed-request', describeFault(certificate.fault));
    if (!certificate.value.extensions.basicConstraints?.ca)
      return fail('malformed-request', 'the certificate is not a CA');
    const at = deps.clock.now();
    const insecure = request.insecureSoftwareTpm === true;
    const { vendor, manufacturers = null } = request;
    const software = insecure ? undefined : manufacturers?.find(isSoftwareTpmVendor);
    if (software !== undefined) return fail('software-tpm', `${software} is the vendor id of a software TPM`);
    const subject = certificate.value.subject.text;
    const added = await deps.store.addTpmRoot({
      root: { der: der.value, vendor, addedBy: act.actor, addedAt: at, insecure, manufacturers },
      audit: {
        at,
        kind: 'tpm-root.added',
        ...act,
        subject: `tpm-root:${vendor}`,
        body: { vendor, subject, insecure, manufacturers: manufacturers && [...manufacturers] },
      },
    });
    return added.ok ? ok(onWire(added.value)) : fail('duplicate-tpm-root', 'this root is trusted already');
  };

/** For enrolments from now on. Hosts that were enrolled through it were approved one by one, and stay until they are revoked. */
export const removeTpmRoot =
  ({ store, clock }: AttestationDeps) =>
  async (fingerprint: string, act: Act): Promise<Result<TpmRootShape, Fault<'unknown-tpm-root'>>> => {
    const subject = `tpm-root:${fingerprint}`;
    const audit = { at: clock.now(), kind: 'tpm-root.removed', ...act, subject, body: { fingerprint } };
    const removed = await store.removeTpmRoot({ fingerprint, audit });
    return removed.ok ? ok(onWire(removed.value)) : fail('unknown-tpm-root', 'no trusted root has this fingerprint');
  };

function onWire({ fingerprint, der, vendor, addedAt, addedBy, insecure, manufacturers }: TpmRoot): TpmRootShape {
  const subject = expectOk(parseCertificate(der)).subject.text; // parsed before it was stored
  const restricted = manufacturers && { manufacturers: [...manufacturers] };
  return { fingerprint, subject, vendor, addedAt: addedAt.toISOString(), addedBy, insecure, ...restricted };
}
