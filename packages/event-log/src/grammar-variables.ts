import { EV } from './event-types.ts';
import { faultAt, type LogFault, logFault } from './fault.ts';
import type { ReadEvent } from './read-event.ts';

export const EFI_GLOBAL_VARIABLE = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
const EFI_IMAGE_SECURITY_DATABASE = 'd719b2cb-3d3a-4596-a3bc-dad00e67656f';

/** What firmware always measures, also where Secure Boot is off and the variable is empty. PFP 1.06, 3.3.4.8. */
const ALWAYS = [
  [EFI_GLOBAL_VARIABLE, 'SecureBoot'],
  [EFI_GLOBAL_VARIABLE, 'PK'],
  [EFI_GLOBAL_VARIABLE, 'KEK'],
  [EFI_IMAGE_SECURITY_DATABASE, 'db'],
  [EFI_IMAGE_SECURITY_DATABASE, 'dbx'],
] as const;

/** PCR 7: the configuration once and before the separator, and no configuration in the guise of an authority. */
export function* variableDefects(events: readonly ReadEvent[], separator: ReadEvent | undefined): Generator<LogFault> {
  const seen = new Map<string, ReadEvent>();
  for (const event of events) {
    const { content } = event;
    const isConfig = event.type === EV.EV_EFI_VARIABLE_DRIVER_CONFIG;
    if (!isConfig && event.type !== EV.EV_EFI_VARIABLE_AUTHORITY) continue;
    if (content.is !== 'variable') {
      if (isConfig) yield faultAt(event, 'log-data-mismatch', 'the data is not a UEFI variable');
      continue;
    }
    const name = `${content.guid} ${content.name}`;
    if (!isConfig) {
      if (content.name !== 'db' && ALWAYS.some(([guid, always]) => name === `${guid} ${always}`))
        yield faultAt(event, 'log-event-unexpected', `the variable ${content.name} is configuration, and no authority`);
      continue;
    }
    const first = seen.get(name);
    if (first)
      yield faultAt(event, 'log-variable-duplicate', `the variable ${content.name} stands in event ${first.index} too`);
    else if (!separator || event.index < separator.index) seen.set(name, event);
  }
  for (const [guid, name] of ALWAYS)
    if (!seen.has(`${guid} ${name}`))
      yield logFault('log-event-missing', `PCR 7 has no measurement of the variable ${name} before the separator`, {
        pcr: 7,
      });
}
