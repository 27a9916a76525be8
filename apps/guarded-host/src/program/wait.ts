import { hostCommand, wholeNumber } from './command.ts';
import { PROGRAM } from './name.ts';

export interface WaitOptions {
  readonly guarded?: boolean;
  readonly timeout?: number;
}

/** `sekimori-host wait --guarded`: for units that come after the agent. */
export const wait = hostCommand<'settings', WaitOptions>({
  name: 'wait',
  summary: 'Wait until this host is guarded. Attests nothing by itself: the agent does.',
  example: `${PROGRAM} wait --guarded --timeout 120`,
  options: [
    { flags: '--guarded', about: 'until there is a health certificate for this boot', required: true },
    {
      flags: '--timeout <SECONDS>',
      about: 'at most so long, then exit status 6; without it, for ever',
      parse: wholeNumber(0, 86_400),
    },
  ],
  needs: 'settings',
  action: async () => (await import('./actions/wait.ts')).waitAction,
});
