import { hostCommand } from './command.ts';
import { PROGRAM } from './name.ts';

/** `sekimori-host attest` */
export const attest = hostCommand<'host'>({
  name: 'attest',
  summary: 'Attest now, and keep the health certificate.',
  example: `${PROGRAM} attest --config /etc/sekimori/host.json --json`,
  needs: 'host',
  action: async () => (await import('./actions/attest.ts')).attestAction,
});
