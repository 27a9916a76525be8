import { nodeCrypto } from '@sekimori/crypto-core/node';
import { attestationStoreContract, keyProtectionStoreContract } from '../src/contract.ts';
import { memoryAttestationStore, memoryKeyProtectionStore } from '../src/index.ts';

attestationStoreContract('memory', nodeCrypto, async () => {
  const store = memoryAttestationStore(nodeCrypto);
  return async () => store;
});

keyProtectionStoreContract('memory', nodeCrypto, async () => {
  const store = memoryKeyProtectionStore(nodeCrypto);
  return async () => store;
});
