export { openAttestationStore } from './attestation/open.ts';
export { openKeyProtectionStore } from './key-protection/open.ts';
export type { OpenFault, SqliteOptions } from './open.ts';
