import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { createAttestationSigner, createServerCa } from '@sekimori/testkit';
import type { AttestationSigner } from '../../src/deps.ts';

export { crypto };

export async function aSigner(): Promise<AttestationSigner> {
  const ca = await createServerCa(crypto);
  return { ...(await createAttestationSigner(crypto, ca)), ca: ca.certificate };
}
