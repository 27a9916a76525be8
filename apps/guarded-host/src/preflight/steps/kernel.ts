import { equal } from '@sekimori/bytes';
import type { ReadEvent } from '@sekimori/event-log';
import { lastOfKind, type Walk } from '../walk.ts';
import { asArguments } from '../uki.ts';
import { loadOptionsDigest } from './stub.ts';

/**
 * What the EFI stub of a kernel measures to PCR 9 when GRUB or the firmware started it: its command line, and the initrd that
 * was handed over. Both follow from what GRUB did, or from the boot option; the boot option is checked by itself.
 */
export function kernelStep(walk: Walk, event: ReadEvent): void {
  const { draft, grub, environment } = walk;
  const loader = walk.images.at(-1);
  if (grub) {
    if (!grub.steady) return draft.unknown(event);
    const handed = grub.loaded.filter(({ measured }) => equal(measured, event.digest));
    const changed = grub.loaded.filter(({ measured, now }) => !equal(measured, now));
    if (changed.length === 0 || isLoadOptions(walk, event)) return draft.same(event);
    if (handed.length === 1 && grub.loaded.length === 1) return void draft.becomes(event, handed[0]!.now);
    draft.unknown(event);
    draft.find('initrd-changed', 'unknown', 'initrd', [9], 'how GRUB puts it together is not computed here');
    return;
  }
  const startedByFirmware = walk.images.length === 1 && loader?.kind === 'linux' && loader.state === 'same';
  const namesInitrd = environment.commandLine === undefined || / ?initrd=/.test(environment.commandLine);
  if (startedByFirmware && (isLoadOptions(walk, event) || !namesInitrd)) return draft.same(event);
  draft.unknown(event);
  const detail = `${event.typeName}: what the kernel measures is not computed here for this way of starting it`;
  draft.find('not-recomputed', 'unknown', lastOfKind(walk, 'linux')?.name ?? 'kernel', [event.pcr], detail);
}

function isLoadOptions({ draft, environment }: Walk, event: ReadEvent): boolean {
  const { commandLine } = environment;
  return commandLine !== undefined && equal(loadOptionsDigest({ draft }, asArguments(commandLine)), event.digest);
}
