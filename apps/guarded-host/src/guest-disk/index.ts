export { addBootPolicy, listBootPolicies, removeBootPolicy } from './boot-policies.ts';
export {
  type BootPolicy,
  readBootPolicy,
  signBootPolicy,
  verifyBootPolicy,
  writeBootPolicy,
} from './boot-policy.ts';
export { encryptGuestDisk, type GuestDisk } from './encrypt.ts';
export { openRecovery, sealRecovery } from './escrow.ts';
export {
  type GuestMessage,
  type GuestOutcome,
  type GuestPortFault,
  type GuestTalk,
  talkToGuest,
} from './guest-port.ts';
export { BOOT_PCRS, LUKS_HEADER_BYTES } from './layout.ts';
export { answerRecovery, readRecoveryAnswer } from './recovery-answer.ts';
export { openRecoveryRequest, type RecoveryFault } from './recovery-request.ts';
