import type { Check } from './check.ts';
import { guestFirmwareCheck } from './checks/firmware.ts';
import { eventLogCheck, imaCheck, lockdownCheck, secureBootCheck } from './checks/measured-boot.ts';
import { coreDumpsCheck, memoryLockCheck, swapCheck } from './checks/memory.ts';
import { cryptsetupCheck, flockCheck, kvmCheck, qemuCheck, swtpmCheck } from './checks/programs.ts';
import { clockCheck, serviceNameCheck, serviceTlsCheck } from './checks/services.ts';
import { attestationCheck, enrolmentCheck, stateFolderCheck } from './checks/state.ts';
import { freeSpaceCheck, runFolderCheck, vmStorageCheck } from './checks/storage.ts';
import { endorsementCheck, lockoutCheck, pcrBankCheck, tpmCheck } from './checks/tpm.ts';

/** All that `doctor` looks at, in the order in which it tells. */
export const CHECKS: readonly Check[] = [
  tpmCheck,
  pcrBankCheck,
  endorsementCheck,
  lockoutCheck,
  eventLogCheck,
  imaCheck,
  secureBootCheck,
  lockdownCheck,
  serviceNameCheck,
  serviceTlsCheck,
  clockCheck,
  stateFolderCheck,
  enrolmentCheck,
  attestationCheck,
  swtpmCheck,
  qemuCheck,
  kvmCheck,
  guestFirmwareCheck,
  cryptsetupCheck,
  flockCheck,
  swapCheck,
  coreDumpsCheck,
  memoryLockCheck,
  freeSpaceCheck,
  runFolderCheck,
  vmStorageCheck,
];
