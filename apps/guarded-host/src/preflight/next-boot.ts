import { EV, type ReadEvent } from '@sekimori/event-log';
import type { Draft } from './draft.ts';
import type { BootEnvironment } from './environment.ts';
import { authorityCertificate } from './steps/authority.ts';
import { bootChoiceStep } from './steps/boot-choice.ts';
import { grubStep, isGrubs } from './steps/grub.ts';
import { imageStep } from './steps/image.ts';
import { kernelStep } from './steps/kernel.ts';
import { partitionTableStep } from './steps/partition-table.ts';
import { handoverStep, sectionsStep } from './steps/stub.ts';
import { entryChoiceStep, isLoaderConf, loaderConfStep } from './steps/systemd-boot.ts';
import { isVariable, variableStep } from './steps/variables.ts';
import { lastOfKind, type Walk } from './walk.ts';

/**
 * Goes through the log of this boot and asks of each measurement what it becomes at the next one. A program that is unchanged,
 * and is given the same, measures the same: nothing more is believed of programs than that.
 */
export async function draftNextBoot(draft: Draft, environment: BootEnvironment): Promise<void> {
  const walk: Walk = { draft, environment, images: [] };
  let authorities: ReadEvent[] = [];
  for (const event of draft.events) {
    if (event.type === EV.EV_NO_ACTION || draft.next(event)) continue;
    if (event.known) draft.same(event);
    else if (event.type === EV.EV_EFI_VARIABLE_AUTHORITY && authorityCertificate(event)) authorities.push(event);
    else if (isImage(event)) {
      await imageStep(walk, event, authorities);
      authorities = [];
      await followImage(walk);
    } else if (isVariable(event)) await variableStep(draft, environment, event);
    else if (event.type === EV.EV_EFI_GPT_EVENT) partitionTableStep(draft, environment, event);
    else if (isLoaderConf(walk, event)) await loaderConfStep(walk, event);
    else if (isGrubs(walk, event)) await grubStep(walk, event);
    else if (event.pcr === 14 || event.type === EV.EV_EFI_VARIABLE_AUTHORITY) shimStep(walk, event);
    else if (event.pcr === 9) kernelStep(walk, event);
    else if (event.pcr <= 7)
      draft.same(event); // of firmware and hardware: stays as long as these do
    else notRecomputed(draft, event);
  }
  for (const event of authorities) notRecomputed(draft, event);
  if (environment.variables) await bootChoiceStep(draft, environment.variables, walk.images[0]);
}

const IMAGES: ReadonlySet<number> = new Set([
  EV.EV_EFI_BOOT_SERVICES_APPLICATION,
  EV.EV_EFI_BOOT_SERVICES_DRIVER,
  EV.EV_EFI_RUNTIME_SERVICES_DRIVER,
]);

/** Started by the boot manager or a boot loader. Drivers of the firmware and of cards come from no partition. */
function isImage({ type, pcr, content }: ReadEvent): boolean {
  if (!IMAGES.has(type)) return false;
  return pcr === 4 || (content.is === 'image' && content.partition !== undefined);
}

/** What a unified kernel image and its kernel measure comes behind it, up to the next image. */
async function followImage(walk: Walk): Promise<void> {
  const { draft } = walk;
  const image = walk.images.at(-1)!;
  if (image.kind === 'systemd-boot') return entryChoiceStep(walk);
  const start = draft.events.indexOf(image.event) + 1;
  const end = draft.events.findIndex(
    (event, i) => i >= start && isImage(event) && event.content.is === 'image' && event.content.path !== undefined,
  );
  const own = draft.events.slice(start, end < 0 ? undefined : end).filter(({ type }) => type !== EV.EV_NO_ACTION);
  const sections = own.filter(({ pcr }) => pcr === 11);
  if (sections.length === 0 && image.kind !== 'uki') return;
  sectionsStep(walk, image, sections);
  await handoverStep(
    walk,
    image,
    own.filter(({ pcr }) => pcr === 9 || pcr === 12 || pcr === 13),
  );
}

/** MokList and its kin (PCR 14) and SbatLevel (PCR 7): of shim, from variables that only it and MokManager change. */
function shimStep(walk: Walk, event: ReadEvent): void {
  const { draft } = walk;
  const shim = lastOfKind(walk, 'shim');
  if (shim?.state === 'same') return draft.same(event);
  draft.unknown(event);
  const detail = 'what it measures is not known here: it has changed, or is not looked at';
  draft.find('loader-changed', 'unknown', shim?.name ?? 'shim', [event.pcr], detail);
}

function notRecomputed(draft: Draft, event: ReadEvent): void {
  draft.unknown(event);
  const detail = `${event.typeName} of PCR ${event.pcr}, event ${event.index}: nothing here computes it again`;
  draft.find('not-recomputed', 'unknown', `event ${event.index}`, [event.pcr], detail);
}
