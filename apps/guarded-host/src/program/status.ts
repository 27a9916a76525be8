import { hostCommand } from './command.ts';
import { PROGRAM } from './name.ts';

/** `sekimori-host status`: by the agent where one runs; answers whatever of TPM and services can be reached. */
export const status = hostCommand<'settings'>({
  name: 'status',
  summary: "Tell how this host stands, in HGS's names. Changes nothing.",
  example: `${PROGRAM} status --json || echo 'not guarded'`,
  needs: 'settings',
  action: async () => (await import('./actions/status.ts')).statusAction,
});
