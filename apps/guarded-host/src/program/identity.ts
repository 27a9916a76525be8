import { hostCommand } from './command.ts';
import { PROGRAM } from './name.ts';

export interface IdentityOptions {
  readonly enrol?: boolean;
  readonly hostId?: string;
  readonly name?: string;
  readonly service?: string;
}

/** `sekimori-host identity [--enrol]`: who this machine is, and with --enrol the next step of its enrolment. */
export const identity = hostCommand<'host', IdentityOptions>({
  name: 'identity',
  summary:
    'Show the endorsement key and the attestation key; with --enrol, enrol this host and complete its activation after approval.',
  example: `${PROGRAM} identity --enrol --config /etc/sekimori/host.json`,
  options: [
    { flags: '--enrol', about: 'send the platform identifier; after approval, run it again to activate the host' },
    {
      flags: '--host-id <ID>',
      about: 'with --enrol: take up the enrolment that the service has under this identifier',
    },
    { flags: '--name <NAME>', about: 'the name to enrol under, instead of the configured one' },
    { flags: '--service <NAME>', about: 'of which attestation service, where several are configured; else the first' },
  ],
  needs: 'host',
  action: async () => (await import('./actions/identity.ts')).identityAction,
});
