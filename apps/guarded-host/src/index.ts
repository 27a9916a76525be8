export { acceptCertificate } from './accept.ts';
export { activate } from './activate.ts';
export { attest } from './attest.ts';
export {
  type AttestationServiceSettings,
  HostConfig,
  type HostSettings,
  type KeyProtectionServiceSettings,
  loadHostConfig,
  type TpmAddress,
} from './config.ts';
export { connectHost, type ConnectedHost } from './connect.ts';
export {
  type AttestationService,
  type AttestDeps,
  type AttestingDeps,
  type HostDeps,
  type KeyProtectionService,
  onePair,
} from './deps.ts';
export { adoptEnrolment, enrol, enrolmentStatus } from './enrol.ts';
export { collectEvidence, type EvidenceOverrides } from './evidence.ts';
export { asCallFault, HOST_FAULTS, type HostFault, type HostFaultCode } from './faults.ts';
export { Failover, type ServiceNode } from './failover.ts';
export { attestInOrder, currentHealth, type ServiceHealth } from './in-order.ts';
export { type HostIdentity, hostIdentity, platformIdentifier, type PlatformOptions } from './identity.ts';
export { releaseKeys, type ReleasedKeys } from './release.ts';
export { fileHostState } from './state/files.ts';
export type { Attempt, Enrolment, Health, HealthCertificate, HostState, StateFault } from './state/state.ts';
export { hostReport, statusOfCode, type StatusDeps } from './status.ts';
export { HostAttestationStatus, HostReport, ServiceReport } from './status-shape.ts';
export { openTlsIdentity, type TlsIdentity } from './tls-identity.ts';
export { reopeningTransport, TpmOutageError } from './tpm-transport.ts';
export { createVm, type NewVm } from './vm/create.ts';
export type { Claimant } from './vm/folder/claim.ts';
export { releaseLocally, type ReleaseKeys } from './vm/keys.ts';
export { type VmSettings, vmSettings } from './vm/settings.ts';
export { type ShieldOptions, shieldVm } from './vm/shield.ts';
export { VirtualMachines } from './vm/virtual-machines.ts';
