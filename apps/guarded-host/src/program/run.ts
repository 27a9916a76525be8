import { hostCommand } from './command.ts';
import { PROGRAM } from './name.ts';

/** `sekimori-host run`: the agent, until it is told to stop. */
export const run = hostCommand<'settings'>({
  name: 'run',
  summary:
    'Run the agent: it keeps this host attested and answers the other commands on its socket. Logs go to stderr.',
  example: `${PROGRAM} run --config /etc/sekimori/host.json`,
  needs: 'settings',
  action: async () => (await import('./actions/run.ts')).runAction,
});
