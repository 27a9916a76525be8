import { nodeCrypto } from '@sekimori/crypto-core/node';
import { parseGuardianMetadata } from '../src/index.ts';

export default function fuzz(bytes: Uint8Array): void {
  parseGuardianMetadata(nodeCrypto, bytes);
}
