import { type Certificate, type EndorsementOptions, HARDWARE_TPM_VENDORS, parseCertificate } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import type { TpmRoot } from '@sekimori/store';
import type { AttestationDeps } from './deps.ts';

/**
 * The roots of TPM vendors that administrators added, with what each may vouch for; an empty list trusts nothing. The name of a
 * vendor is for people: what counts is the vendor id in the EK certificate.
 */
export async function tpmTrust({
  store,
  crypto,
}: Pick<AttestationDeps, 'store' | 'crypto'>): Promise<
  Required<Pick<EndorsementOptions, 'roots' | 'manufacturersOf'>>
> {
  const roots = await store.tpmRoots();
  const known = new Map(roots.map((root) => [root.fingerprint, root]));
  return {
    roots: roots.map(({ der }) => expectOk(parseCertificate(der))), // parsed before it was stored
    manufacturersOf: (root: Certificate) => manufacturersOf(known.get(root.fingerprint(crypto))),
  };
}

/** Without a word of the administrator: makers of hardware, and whatever there is below a root that was added as insecure. */
function manufacturersOf(root: TpmRoot | undefined): readonly string[] | undefined {
  if (!root) return [];
  if (root.manufacturers) return root.manufacturers;
  return root.insecure ? undefined : HARDWARE_TPM_VENDORS;
}
