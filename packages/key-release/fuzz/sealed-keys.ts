import { nodeCrypto } from '@sekimori/crypto-core/node';
import { readSealedKeys } from '../src/index.ts';

export default function fuzz(bytes: Uint8Array): void {
  readSealedKeys(nodeCrypto, bytes);
}
