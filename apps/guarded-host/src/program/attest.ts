import { hostCommand } from './command.ts';
import { PROGRAM } from './name.ts';

/** `sekimori-host attest`: by the agent where one runs. */
export const attest = hostCommand<'settings'>({
  name: 'attest',
  summary: 'Attest now, and keep the health certificate.',
  example: `${PROGRAM} attest --config /etc/sekimori/host.json --json`,
  needs: 'settings',
  action: async () => (await import('./actions/attest.ts')).attestAction,
});
