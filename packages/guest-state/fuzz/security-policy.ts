import { nodeCrypto } from '@sekimori/crypto-core/node';
import { createGuardian } from '@sekimori/key-protector';
import { verifySecurityPolicy } from '../src/index.ts';

const { keys } = await createGuardian(nodeCrypto, 'Owner', new Date(0));

export default function fuzz(bytes: Uint8Array): void {
  verifySecurityPolicy(nodeCrypto, keys.guardian, new TextDecoder().decode(bytes));
}
