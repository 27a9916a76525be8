export { type KeyName, parseKeyName } from './key-name.ts';
export type { KeyFault, KeyStore, KeyUse, StoredKey, StoredKeySpec } from './key-store.ts';
export { type KeyFiles, memoryKeyFiles } from './key-files.ts';
export { memoryKeyStore, softwareKeyStore } from './software-store.ts';
