import { hostCommand } from './command.ts';
import { PROGRAM } from './name.ts';

export interface DoctorOptions {
  readonly only?: string;
}

/** `sekimori-host doctor`: what is missing on this host. */
export const doctor = hostCommand<'settings', DoctorOptions>({
  name: 'doctor',
  summary: 'Find what is missing for a guarded host, and say how to mend it. Changes nothing.',
  example: `${PROGRAM} doctor --only tpm,event-log --json`,
  options: [{ flags: '--only <IDS>', about: 'these checks alone, with commas between their names' }],
  needs: 'settings',
  action: async () => (await import('./actions/doctor.ts')).doctorAction,
});
