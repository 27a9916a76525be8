import { nodeCrypto } from '@sekimori/crypto-core/node';
import { imaFields, parseImaList, replayIma } from '../src/index.ts';

const QUOTED = new Uint8Array(32).fill(1);

/** Whatever the bytes: a value or a fault, and a list that parses can be replayed and has the fields of its templates. */
export default function fuzz(bytes: Uint8Array): void {
  const list = parseImaList(bytes);
  if (!list.ok) return;
  for (const entry of list.value.entries) imaFields(entry);
  replayIma(nodeCrypto, list.value, 'sha256', QUOTED);
}
