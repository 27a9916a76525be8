export { addBootPolicy, listBootPolicies, removeBootPolicy, type StoredBootPolicy } from './boot-policies.ts';
export {
  type BootPolicy,
  readBootPolicy,
  signBootPolicy,
  verifyBootPolicy,
  writeBootPolicy,
} from './boot-policy.ts';
export { type EncryptGuestDisk, encryptGuestDisk, type GuestDisk, sealGuestDisk } from './encrypt.ts';
export { openRecovery, sealRecovery, type VmRecovery } from './escrow.ts';
export type { GuestDiskFault } from './faults.ts';
export {
  type GuestMessage,
  type GuestOutcome,
  type GuestPortFault,
  type GuestTalk,
  talkToGuest,
} from './guest-port.ts';
export { BOOT_PCRS, GUEST_DISKS, LUKS_HEADER_BYTES } from './layout.ts';
export type { GuestDiskVm } from './owner-policy.ts';
export { answerRecovery, readRecoveryAnswer } from './recovery-answer.ts';
export { openRecoveryRequest, type RecoveryFault, type RecoveryRequest } from './recovery-request.ts';
