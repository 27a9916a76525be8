import { toHex } from '@sekimori/bytes';
import type { Crypto } from './crypto.ts';

/** A random UUID. RFC 9562 section 5.4 (version 4). */
export function randomUuid(crypto: Pick<Crypto, 'random'>): string {
  const bytes = Uint8Array.from(crypto.random(16));
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
