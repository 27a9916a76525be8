import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { attestationStoreContract, keyProtectionStoreContract } from '@sekimori/store/contract';
import { openAttestationStore, openKeyProtectionStore } from '../src/index.ts';
import { aFile } from './files.ts';

attestationStoreContract('SQLite', nodeCrypto, async () => {
  const file = aFile();
  return async () => expectOk(await openAttestationStore({ file, crypto: nodeCrypto }));
});

keyProtectionStoreContract('SQLite', nodeCrypto, async () => {
  const file = aFile();
  return async () => expectOk(await openKeyProtectionStore({ file, crypto: nodeCrypto }));
});
