import { concat, utf8 } from '@sekimori/bytes';
import { encode, u32le } from '@sekimori/codec';
import { type Crypto, hashLength } from '@sekimori/crypto-core';
import type { SoftwareTpm } from '@sekimori/software-tpm';
import { GROWING_PCR } from './pcrs.ts';

/**
 * What IMA of a kernel from 5.8 on does for a file that is run (template ima-ng): lists it, then extends PCR 10 of each bank with that bank's
 * digest of the template data. A violation is listed with zeros and extended with ones. Gives the record.
 */
export function measureFile(
  crypto: Crypto,
  tpm: SoftwareTpm,
  path: string,
  { violation = false }: { readonly violation?: boolean } = {},
): Uint8Array {
  const digest = concat(utf8('sha256:\0'), crypto.hash('sha256', utf8(`the program ${path}`)));
  const data = concat(sized(digest), sized(utf8(`${path}\0`)));
  const extended = tpm.banks.map(
    (bank) => [bank, violation ? new Uint8Array(hashLength(bank)).fill(0xff) : crypto.hash(bank, data)] as const,
  );
  tpm.extendPcr(GROWING_PCR, new Map(extended));
  const listed = violation ? new Uint8Array(20) : crypto.hash('sha1', data);
  return concat(encode(u32le, GROWING_PCR), listed, sized(utf8('ima-ng')), sized(data));
}

function sized(bytes: Uint8Array): Uint8Array {
  return concat(encode(u32le, bytes.length), bytes);
}
