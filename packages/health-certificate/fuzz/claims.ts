import { equal } from '@sekimori/bytes';
import { readClaims, writeClaims } from '../src/index.ts';

export default function (bytes: Uint8Array): void {
  const claims = readClaims(bytes);
  if (claims.ok && !equal(writeClaims(claims.value), bytes)) throw new Error('claims have two forms');
}
