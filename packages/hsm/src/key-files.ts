import { Secret } from '@sekimori/crypto-core';
import type { KeyName } from './key-name.ts';

/** Where the software store keeps one blob a key. An adapter makes files of it: 0600 from birth, written whole or not at all. */
export interface KeyFiles {
  read(name: KeyName): Promise<Secret | undefined>;
  /** False, and nothing written, when the name is taken. Of two callers at once one gets true. Durable when answered. */
  writeNew(name: KeyName, content: Secret): Promise<boolean>;
  list(): Promise<readonly KeyName[]>;
  /** False when there was none. */
  remove(name: KeyName): Promise<boolean>;
}

export function memoryKeyFiles(): KeyFiles {
  const blobs = new Map<KeyName, Secret>();
  return {
    read: async (name) => blobs.get(name)?.use((bytes) => new Secret(bytes)),
    writeNew: async (name, content) => {
      if (blobs.has(name)) return false;
      blobs.set(
        name,
        content.use((bytes) => new Secret(bytes)),
      );
      return true;
    },
    list: async () => [...blobs.keys()],
    remove: async (name) => {
      blobs.get(name)?.wipe();
      return blobs.delete(name);
    },
  };
}
