export { attestationStoreContract } from './contract/attestation.ts';
export { keyProtectionStoreContract } from './contract/key-protection.ts';
