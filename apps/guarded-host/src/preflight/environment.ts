import type { EfiVariables } from './efi-variables.ts';
import type { Volume } from './volumes.ts';

/** What is there now, for the next boot to be made from. */
export interface BootEnvironment {
  /** EFI system partitions, /boot and / as far as they are mounted, in this order. */
  readonly volumes: readonly Volume[];
  /** Undefined where the firmware's variables cannot be read. */
  readonly variables: EfiVariables | undefined;
  /** The running kernel's command line. */
  readonly commandLine: string | undefined;
  /** UEFI_GPT_DATA of each disk that can be read. */
  readonly partitionTables: readonly Uint8Array[];
}
