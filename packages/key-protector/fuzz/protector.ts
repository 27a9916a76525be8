import { nodeCrypto } from '@sekimori/crypto-core/node';
import { parseProtector, protectorFileBytes, VerifiedProtector } from '../src/index.ts';

export default function fuzz(bytes: Uint8Array): void {
  protectorFileBytes(bytes);
  const protector = parseProtector(bytes);
  if (protector.ok) VerifiedProtector.verify(nodeCrypto, protector.value);
}
