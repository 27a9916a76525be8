import { hostCommand } from './command.ts';
import { PROGRAM } from './name.ts';

/** `sekimori-host status`: answers whatever of TPM and service can be reached. */
export const status = hostCommand<'host'>({
  name: 'status',
  summary: "Tell how this host stands, in HGS's names. Changes nothing.",
  example: `${PROGRAM} status --json || echo 'not guarded'`,
  needs: 'host',
  action: async () => (await import('./actions/status.ts')).statusAction,
});
