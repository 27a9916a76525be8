import type { Draft } from '../draft.ts';
import { type EfiVariables, fromUtf16 } from '../efi-variables.ts';
import { EFI_GLOBAL_VARIABLE, LOADER, SHIM_LOCK } from '../guid.ts';
import { loadOption } from '../load-option.ts';
import { sectionOf } from '../pe.ts';
import type { BootImage } from '../walk.ts';
import { measuredVariable, secureBootWasOn } from './variables.ts';

/** What another choice of the boot manager touches. */
const BOOT_PCRS = [4, 5, 7, 8, 9, 11, 12, 13, 14];

/** Whether firmware and loader would start the same program again, and whether something waits for the next boot. UEFI 2.10, 3.1. */
export async function bootChoiceStep(
  draft: Draft,
  variables: EfiVariables,
  first: BootImage | undefined,
): Promise<void> {
  await bootManager(draft, variables);
  if (first) await bootOption(draft, variables, first);
  await pendingUpdates(draft, variables);
  await pendingKeys(draft, variables);
}

async function bootManager(draft: Draft, variables: EfiVariables): Promise<void> {
  const unknown = (subject: string, detail: string) =>
    draft.find('boot-choice-differs', 'unknown', subject, BOOT_PCRS, detail);
  const next = numbersIn(await variables.read(EFI_GLOBAL_VARIABLE, 'BootNext'))[0];
  if (next !== undefined) unknown('BootNext', `the next boot takes ${optionName(next)}, for once`);
  const once = await variables.read(LOADER, 'LoaderEntryOneShot');
  if (once) unknown('LoaderEntryOneShot', `the boot loader takes ${fromUtf16(once)} at the next boot, for once`);
  const order = numbersIn(await variables.read(EFI_GLOBAL_VARIABLE, 'BootOrder'));
  const measured = numbersIn(measuredVariable(draft, 'BootOrder'));
  if (measured.length > 0 && order.join() !== measured.join()) {
    const detail = `${measured.map(optionName).join(', ')} at this boot, ${order.map(optionName).join(', ')} now`;
    draft.find('boot-order-changed', 'unknown', 'BootOrder', [1], detail);
  }
  const current = numbersIn(await variables.read(EFI_GLOBAL_VARIABLE, 'BootCurrent'))[0];
  const first = await firstActive(variables, order);
  if (current !== undefined && first !== undefined && current !== first)
    unknown('BootOrder', `this boot took ${optionName(current)}, and ${optionName(first)} stands before it`);
  const name = current === undefined ? undefined : optionName(current);
  const isOther = draft.findings.some(({ id, subject }) => id === 'boot-option-changed' && subject === name);
  if (name !== undefined && isOther) unknown(name, 'the option that this boot took starts something else now');
}

/**
 * The option that this boot took, where firmware does not measure it: it must still name the file that was started. Whether its
 * arguments changed cannot be told then; a unified kernel image under Secure Boot does not listen to them.
 */
async function bootOption(draft: Draft, variables: EfiVariables, first: BootImage): Promise<void> {
  const current = numbersIn(await variables.read(EFI_GLOBAL_VARIABLE, 'BootCurrent'))[0];
  if (current === undefined) return;
  const name = optionName(current);
  if (measuredVariable(draft, name)) return;
  const now = loadOption((await variables.read(EFI_GLOBAL_VARIABLE, name)) ?? new Uint8Array());
  const unknown = (pcrs: readonly number[], detail: string) =>
    draft.find('boot-choice-differs', 'unknown', name, pcrs, detail);
  if (!now) return unknown(BOOT_PCRS, 'the option that this boot took is not there any more, or is none');
  const { content } = first.event;
  const path = content.is === 'image' ? content.path : undefined;
  if (now.path !== undefined && path !== undefined && now.path.toLowerCase() !== path.toLowerCase())
    return unknown(BOOT_PCRS, `it names ${now.path}, and this boot started ${path}`);
  const isDeaf = first.kind === 'uki' && secureBootWasOn(draft) && first.image && sectionOf(first.image, '.cmdline');
  if ((first.kind === 'uki' || first.kind === 'linux') && !isDeaf)
    unknown([9, 12], 'firmware does not measure this option: whether its arguments changed is not known');
}

/** LOAD_OPTION_ACTIVE is bit 0 of the attributes; options of the category "application" are never tried by themselves. */
async function firstActive(variables: EfiVariables, order: readonly number[]): Promise<number | undefined> {
  for (const number of order) {
    const option = await variables.read(EFI_GLOBAL_VARIABLE, optionName(number));
    const [attributes = 0, category = 0] = option ?? [];
    if (option && (attributes & 1) === 1 && (category & 0x1f) === 0) return number;
  }
  return undefined;
}

/** EFI_OS_INDICATIONS: 1 boots to the firmware's own menu, 4 takes capsules from the disk. UEFI 2.10, 8.5.4. */
const OS_INDICATIONS = 0x1 | 0x4;
const FWUPD = '0abba7dc-e516-4167-bbf5-4d9d1c739416';

async function pendingUpdates(draft: Draft, variables: EfiVariables): Promise<void> {
  const pcrs = [0, 1, 2, 3, 4, 5, 6, 7];
  const indications = await variables.read(EFI_GLOBAL_VARIABLE, 'OsIndications');
  if (((indications?.[0] ?? 0) & OS_INDICATIONS) !== 0)
    draft.find('firmware-update-pending', 'unknown', 'OsIndications', pcrs, 'the firmware does something else first');
  const names = await variables.names();
  const waiting = names.find((name) => name.startsWith('fwupd-') && name.endsWith(FWUPD));
  if (waiting !== undefined)
    draft.find('firmware-update-pending', 'unknown', 'fwupd', pcrs, 'a firmware update waits for the next boot');
}

/** Requests that MokManager asks a person about at the next boot. shim, MokVars.txt. */
const REQUESTS = ['MokNew', 'MokDel', 'MokXNew', 'MokXDel', 'MokSB', 'MokPW', 'MokDB', 'MokListTrustedNew'];

async function pendingKeys(draft: Draft, variables: EfiVariables): Promise<void> {
  for (const name of REQUESTS)
    if (await variables.read(SHIM_LOCK, name))
      draft.find('key-change-pending', 'unknown', name, [4, 7, 14], 'MokManager asks about it at the next boot');
}

function numbersIn(value: Uint8Array | undefined): readonly number[] {
  const bytes = value ?? new Uint8Array();
  return Array.from({ length: bytes.length >> 1 }, (_, i) => bytes[2 * i]! | (bytes[2 * i + 1]! << 8));
}

function optionName(number: number): string {
  return `Boot${number.toString(16).toUpperCase().padStart(4, '0')}`;
}
