import { concat, u16be } from '@sekimori/bytes';
import type { Dissected } from '@sekimori/codec';
import { HASHES, type HashName } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { TPM_ALG } from '@sekimori/tpm2';

const NAMED: ReadonlySet<string> = new Set(['TPMT_PUBLIC', 'TPMS_NV_PUBLIC']);

/** nameAlg || H(the bytes that arrived), of a public area or an NV index. Part 1, 16. Undefined for others, and for hashes we do not compute. */
export function nameOfStructure({ name, parts }: Dissected, bytes: Uint8Array): Uint8Array | undefined {
  if (!NAMED.has(name)) return undefined;
  const nameAlg = parts.find(({ key }) => key === 'nameAlg')?.value;
  if (typeof nameAlg !== 'string' || !Object.hasOwn(HASHES, nameAlg)) return undefined;
  const hash = nameAlg as HashName;
  return concat(u16be(TPM_ALG[hash]), nodeCrypto.hash(hash, bytes));
}
