import { TPM_COMMANDS } from '@sekimori/tpm-commands/definitions';
import { type HostCommand, hostCommand } from './command.ts';
import { PROGRAM } from './name.ts';

/** `sekimori-host tpm …`: those of `sekimori tpm`, with the configured TPM where none is named. */
export const TPM_HOST_COMMANDS: readonly HostCommand[] = TPM_COMMANDS.map((command) => {
  const { name, summary, examples, arguments: args, options } = command;
  const common = {
    name: `tpm ${name}`,
    summary: sentence(summary),
    example: examples.map((example) => `${PROGRAM} ${example}`).join('\n  '),
    arguments: args,
    options,
  };
  const action = async () => (await import('./actions/tpm.ts')).tpmAction(command);
  return command.asksTpm
    ? hostCommand<'settings'>({ ...common, needs: 'settings', action })
    : hostCommand<'nothing'>({ ...common, needs: 'nothing', action });
});

export function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}
