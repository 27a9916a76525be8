export { parseVmId, VM_ID, type VmId } from './vm-id.ts';
export {
  type GuestState,
  type GuestStateBinding,
  openGuestState,
  readGuestStateBinding,
  sealGuestState,
  VTPM_STATE_KEY_BYTES,
  wipeGuestState,
} from './guest-state.ts';
export { type EscrowPurpose, openFromGuardian, sealToGuardian } from './escrow.ts';
export {
  type DiskMode,
  isPolicyOf,
  type SecurityPolicy,
  type SecurityPolicyFault,
  securityPolicyHash,
  type SecurityPolicyLevel,
  signSecurityPolicy,
  verifySecurityPolicy,
} from './security-policy.ts';
