import type { Crypto, HashName } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';

/** What `work` hashes, as ready-made buffers. It runs twice: what it keeps after the first time is not counted. */
export function hashesOf(work: (crypto: Crypto) => unknown): readonly (readonly [HashName, Uint8Array])[] {
  const inputs: (readonly [HashName, Uint8Array])[] = [];
  const recording: Crypto = {
    ...nodeCrypto,
    hash: (name, data) => {
      inputs.push([name, Uint8Array.from(data)]);
      return nodeCrypto.hash(name, data);
    },
  };
  work(recording);
  inputs.length = 0;
  work(recording);
  return inputs;
}
