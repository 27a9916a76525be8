import { concat, equal, toHex } from '@sekimori/bytes';
import type { ReadEvent } from '@sekimori/event-log';
import { describeFault } from '@sekimori/result';
import { utf16 } from '../efi-variables.ts';
import { asArguments, embeddedCommandLine, embeddedInitrd, stubMeasurements } from '../uki.ts';
import { namesIn } from '../volumes.ts';
import type { BootImage, Walk } from '../walk.ts';

/** Tags of the kernel's EFI stub in PCR 9: drivers/firmware/efi/libstub. */
const KERNEL_TAGS = { loadOptions: 0x8f3b22ed, initrd: 0x8f3b22ec } as const;

function tagOf({ content }: ReadEvent): number | undefined {
  return content.is === 'label' ? content.tag : undefined;
}

/** PCR 11: sections of a unified kernel image. The whole of it is made anew for another image. */
export function sectionsStep(walk: Walk, uki: BootImage, events: readonly ReadEvent[]): void {
  const { draft } = walk;
  if (uki.state === 'same') return draft.same(...events);
  const measured = uki.image && uki.kind === 'uki' && stubMeasurements(draft.crypto, draft.bank, uki.image);
  if (!measured || !measured.ok) {
    draft.unknown(...events);
    const why = measured
      ? describeFault(measured.fault)
      : 'it cannot be looked at, or is no unified kernel image any more';
    draft.find('loader-changed', 'unknown', uki.name, [9, 11, 12, 13], why);
    return;
  }
  const digests = measured.value.flatMap(({ nameDigest, contentDigest }) => [nameDigest, contentDigest]);
  if (digests.length === events.length && digests.every((digest, i) => equal(digest, events[i]!.digest)))
    return draft.same(...events);
  for (const [i, event] of events.entries()) draft.replacedBy(event, i === 0 ? digests : []);
  if (events.length === 0)
    return draft.find(
      'loader-changed',
      'unknown',
      uki.name,
      [9, 11, 12, 13],
      'this boot came without a unified kernel image',
    );
  const before = new Set(events.map(({ digest }) => toHex(digest)));
  const names = measured.value.filter(({ contentDigest }) => !before.has(toHex(contentDigest))).map(({ name }) => name);
  draft.find('sections-changed', 'changes', uki.name, [11], `sections ${names.join(', ') || 'in another order'}`);
}

/** PCRs 9, 12 and 13 after a unified kernel image: what its stub hands to the kernel, and what the kernel measures of that. */
export async function handoverStep(walk: Walk, uki: BootImage, events: readonly ReadEvent[]): Promise<void> {
  const { draft } = walk;
  const beside = await filesBeside(uki);
  const parameters = events.filter(({ pcr }) => pcr === 12 || pcr === 13);
  if (beside.length > 0) {
    draft.unknown(...events);
    const detail = `${beside.join(', ')}: what the stub makes of them is not computed here`;
    draft.find('files-beside-image', 'unknown', uki.name, [9, 12, 13], detail);
    return;
  }
  for (const event of events) {
    const tag = tagOf(event);
    if (uki.state === 'same') draft.same(event);
    else if (event.pcr === 9 && parameters.length === 0 && tag === KERNEL_TAGS.loadOptions)
      commandLineStep(walk, uki, event);
    else if (event.pcr === 9 && parameters.length === 0 && tag === KERNEL_TAGS.initrd) initrdStep(walk, uki, event);
    else {
      draft.unknown(event);
      const detail = 'the new image may be handed other parameters than the one of this boot';
      draft.find('loader-changed', 'unknown', uki.name, [event.pcr], detail);
    }
  }
}

/** The kernel measures its load options: UTF-16 with the NUL. That it does so is seen from the command line of this boot. */
function commandLineStep(walk: Walk, uki: BootImage, event: ReadEvent): void {
  const { draft } = walk;
  const running = walk.environment.commandLine;
  const now = uki.image ? embeddedCommandLine(uki.image) : undefined;
  const text = now?.ok ? now.value : undefined;
  const isRule = running !== undefined && equal(loadOptionsDigest(walk, asArguments(running)), event.digest);
  if (text === undefined || !isRule) {
    draft.unknown(event);
    const why = isRule ? 'what the stub hands over is not known' : 'it was not measured by a rule that is known here';
    draft.find('command-line-changed', 'unknown', uki.name, [9], `the kernel's command line: ${why}`);
    return;
  }
  if (!draft.becomes(event, loadOptionsDigest(walk, text)))
    draft.find('command-line-changed', 'changes', uki.name, [9], `the command line becomes: ${text}`);
}

export function loadOptionsDigest({ draft }: Pick<Walk, 'draft'>, text: string): Uint8Array {
  return draft.hash(concat(utf16(text), new Uint8Array(2)));
}

function initrdStep({ draft }: Walk, uki: BootImage, event: ReadEvent): void {
  const now = uki.image ? embeddedInitrd(uki.image) : undefined;
  if (!now?.ok || now.value === undefined) {
    draft.unknown(event);
    const why = now && !now.ok ? describeFault(now.fault) : 'the image has none';
    draft.find('initrd-changed', 'unknown', uki.name, [9], `the initrd: ${why}`);
    return;
  }
  if (!draft.becomes(event, draft.hash(now.value)))
    draft.find('initrd-changed', 'changes', uki.name, [9], 'the initrd has changed');
}

/** Files that the stub picks up: systemd-stub(7), "Companion files". */
const COMPANION = /\.(cred|raw|addon\.efi)$/i;
const SHARED_FOLDERS = ['loader/credentials', 'loader/addons', 'loader/extensions'];

async function filesBeside({ volume, path }: BootImage): Promise<readonly string[]> {
  if (!volume || path === undefined) return [];
  const found: string[] = [];
  for (const folder of [`${path}.extra.d`, ...SHARED_FOLDERS])
    for (const name of await namesIn(volume, folder)) if (COMPANION.test(name)) found.push(name);
  return found;
}
