import { HASHES, type HashName } from '@sekimori/crypto-core';

/**
 * Digest algorithms by TPM_ALG_ID, as the log's header lists them (TCG Algorithm Registry). The ones we cannot compute are
 * known by their size only, so that a log which has them beside SHA-256 can still be read; nothing is verified in their bank.
 */
const ALGORITHMS = {
  0x0004: { name: 'sha1', size: 20 },
  0x000b: { name: 'sha256', size: 32 },
  0x000c: { name: 'sha384', size: 48 },
  0x000d: { name: 'sha512', size: 64 },
  0x0012: { name: 'sm3_256', size: 32 },
  0x0027: { name: 'sha3_256', size: 32 },
  0x0028: { name: 'sha3_384', size: 48 },
  0x0029: { name: 'sha3_512', size: 64 },
} as const;

export type BankName = (typeof ALGORITHMS)[keyof typeof ALGORITHMS]['name'];

export function algorithmOf(id: number): { readonly name: BankName; readonly size: number } | undefined {
  return Object.hasOwn(ALGORITHMS, id) ? ALGORITHMS[id as keyof typeof ALGORITHMS] : undefined;
}

/** A bank that can be replayed, as opposed to one whose digests can only be shown. */
export function isReplayable(bank: string): bank is HashName {
  return Object.hasOwn(HASHES, bank);
}
