export { adoptQemu, discardQemu } from './adopt.ts';
export { machineArguments, type Plumbing } from './arguments.ts';
export { type ImageFault, inspectRawImage } from './image.ts';
export { launchQemu, type LaunchFault, type LaunchOptions } from './launch.ts';
export { createOuterDisk, opensWith, type OuterDiskFault } from './luks.ts';
export { addOuterKey, keepOuterKey } from './luks-keys.ts';
export { luksPassphrase } from './luks-passphrase.ts';
export type {
  CacheMode,
  Drive,
  EncryptionSupportedMachine,
  Firmware,
  Machine,
  Network,
  Port,
  ShieldedMachine,
} from './machine.ts';
export { type Isolation, isAlive, type ProcessIdentity } from './process.ts';
export { Qmp, type QmpFault, type QmpOptions, type QmpRefusal } from './qmp.ts';
export { parseQmpMessage, type QmpEvent, type QmpMessage } from './qmp-message.ts';
export type { Exit, RunningMachine, Stopped } from './running-machine.ts';
export { secretFifos } from './secret-fifos.ts';
export { findProgram } from './tools.ts';
