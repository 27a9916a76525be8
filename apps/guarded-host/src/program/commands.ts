import { TPM_GROUP } from '@sekimori/tpm-commands/definitions';
import { attest } from './attest.ts';
import type { HostCommand } from './command.ts';
import { doctor } from './doctor.ts';
import { identity } from './identity.ts';
import { preflight } from './preflight.ts';
import { run } from './run.ts';
import { status } from './status.ts';
import { sentence, TPM_HOST_COMMANDS } from './tpm.ts';
import { VM_COMMANDS } from './vm.ts';
import { wait } from './wait.ts';

/** Every command, in the order of the help. */
export const COMMANDS: readonly HostCommand[] = [
  identity,
  run,
  attest,
  status,
  wait,
  doctor,
  preflight,
  ...TPM_HOST_COMMANDS,
  ...VM_COMMANDS,
];

/** What the commands of a group are about, by the first word of their names. */
export const GROUPS: Readonly<Record<string, string>> = {
  tpm: sentence(TPM_GROUP),
  vm: 'Virtual machines that start on a guarded host and nowhere else.',
};
