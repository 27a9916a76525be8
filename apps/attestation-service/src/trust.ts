import { type Certificate, parseCertificate } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import type { AttestationDeps } from './deps.ts';

/** The roots of TPM vendors that administrators added; an empty list trusts nothing. */
export async function trustedRoots({ store }: AttestationDeps): Promise<readonly Certificate[]> {
  const roots = await store.tpmRoots();
  return roots.map(({ der }) => expectOk(parseCertificate(der))); // parsed before it was stored
}
