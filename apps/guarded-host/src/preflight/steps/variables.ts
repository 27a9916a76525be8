import { equal } from '@sekimori/bytes';
import { EV, type ReadEvent } from '@sekimori/event-log';
import { variableData } from '../efi-variables.ts';
import type { Draft } from '../draft.ts';
import type { BootEnvironment } from '../environment.ts';
import { EFI_GLOBAL_VARIABLE } from '../guid.ts';

/** Types whose data is a variable that can be read again. */
const VARIABLES: ReadonlySet<number> = new Set([
  EV.EV_EFI_VARIABLE_DRIVER_CONFIG,
  EV.EV_EFI_VARIABLE_BOOT,
  EV.EV_EFI_VARIABLE_BOOT2,
]);

/** The value of a global variable that firmware measured at this boot; the last one where it measured several. */
export function measuredVariable({ events }: Draft, name: string): Uint8Array | undefined {
  for (const { content } of events.toReversed())
    if (content.is === 'variable' && content.guid === EFI_GLOBAL_VARIABLE && content.name === name)
      return content.value;
  return undefined;
}

export function secureBootWasOn(draft: Draft): boolean {
  return measuredVariable(draft, 'SecureBoot')?.[0] === 1;
}

export function isVariable(event: ReadEvent): boolean {
  return VARIABLES.has(event.type) && event.content.is === 'variable' && event.coverage !== 'unverified';
}

/**
 * A variable that firmware measured (SecureBoot, PK, KEK, db, dbx, BootOrder, Boot0000 …), against its value now. What is
 * written while the system runs, such as a new dbx, is measured at the next boot.
 */
export async function variableStep(draft: Draft, environment: BootEnvironment, event: ReadEvent): Promise<void> {
  const { content } = event;
  if (content.is !== 'variable') return;
  const { guid, name } = content;
  if (!environment.variables) {
    draft.unknown(event);
    draft.find(
      'variables-unreadable',
      'unknown',
      'efivarfs',
      [1, 7],
      "the firmware's variables cannot be read: mount efivarfs, and run this as root",
    );
    return;
  }
  // Secure Boot that is not set up has empty variables: firmware measures them all the same.
  const now = (await environment.variables.read(guid, name)) ?? new Uint8Array();
  if (equal(now, content.value)) {
    draft.same(event);
    return;
  }
  draft.becomes(event, draft.hash(event.coverage === 'partly' ? now : variableData(guid, name, now)));
  const words = `${content.value.length} bytes at this boot, ${now.length} now`;
  if (event.type === EV.EV_EFI_VARIABLE_DRIVER_CONFIG)
    draft.find('variable-changed', 'changes', name, [event.pcr], `the variable has changed since this boot: ${words}`);
  else if (name !== 'BootOrder')
    draft.find('boot-option-changed', 'changes', name, [event.pcr], `the boot option has changed: ${words}`);
}
