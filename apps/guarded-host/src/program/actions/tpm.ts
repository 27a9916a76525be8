import { ok } from '@sekimori/result';
import { systemClock } from '@sekimori/service-kit/program';
import { DEFAULT_TPM, type TpmCommand } from '@sekimori/tpm-commands/definitions';
import type { HostSettings } from '../../config.ts';
import type { CommandResult, Invocation } from '../command.ts';
import { EXIT } from '../exit.ts';

export function tpmAction(command: TpmCommand) {
  return async (settings: HostSettings | undefined, { args, options }: Invocation): Promise<CommandResult> => {
    const outcome = await command.run({
      args,
      options: { ...options },
      stdin: () => process.stdin,
      tpm: settings?.tpm ?? DEFAULT_TPM,
      now: () => systemClock.now(),
    });
    if (!outcome.ok) return outcome;
    const { document, lines, notes = [], bad = false } = outcome.value;
    return ok({ document, lines, notes, status: bad ? EXIT.failed : EXIT.done });
  };
}
