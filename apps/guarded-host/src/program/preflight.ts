import { hostCommand } from './command.ts';
import { PROGRAM } from './name.ts';

export interface PreflightOptions {
  readonly root?: string;
  readonly esp?: string;
  readonly efiVariables?: string;
  readonly disk?: string;
  readonly approved?: string;
}

/** `sekimori-host preflight`: would it pass after a reboot into what is on disk now? */
export const preflight = hostCommand<'host', PreflightOptions>({
  name: 'preflight',
  summary:
    'Tell whether this host would pass after a reboot into what is on disk now, and which PCRs would change. Changes nothing, asks nobody.',
  example: `${PROGRAM} preflight && reboot`,
  options: [
    {
      flags: '--approved <FILE>',
      about:
        "the approved boots, as 'sekimori baseline list --json' prints them: then changed PCRs are compared with these",
    },
    { flags: '--root <FOLDER>', about: 'the system to look at, where it is not the running one' },
    { flags: '--esp <FOLDER>', about: 'the EFI system partition, instead of the mounted ones' },
    { flags: '--efi-variables <FOLDER>', about: "instead of the running system's" },
    { flags: '--disk <FILE>', about: 'the disk it boots from, or an image of it' },
  ],
  needs: 'host',
  action: async () => (await import('./actions/preflight.ts')).preflightAction,
});
