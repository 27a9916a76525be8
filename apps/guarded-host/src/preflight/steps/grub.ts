import { equal } from '@sekimori/bytes';
import type { ReadEvent } from '@sekimori/event-log';
import { namesIn, readFrom, type Volume } from '../volumes.ts';
import { type BootImage, type GrubState, lastOfKind, type Walk } from '../walk.ts';

/** What GRUB writes, and the images that it starts. */
const GRUB_PCRS = [4, 8, 9];

export function isGrubs(walk: Walk, event: ReadEvent): boolean {
  return event.typeName === 'EV_IPL' && (event.pcr === 8 || event.pcr === 9) && lastOfKind(walk, 'grub') !== undefined;
}

/**
 * GRUB's commands (PCR 8) and the files it read (PCR 9). It does the same again as long as it and every file that steers it are
 * the same; a kernel or an initrd does not steer it. What another configuration makes it do is not known here.
 */
export async function grubStep(walk: Walk, event: ReadEvent): Promise<void> {
  const { draft } = walk;
  walk.grub ??= startOf(lastOfKind(walk, 'grub'));
  const { grub } = walk;
  if (!grub.steady) return draft.unknown(event);
  if (event.pcr === 9) return fileStep(walk, grub, event);
  if (event.content.is === 'text' && event.content.prefix?.startsWith('grub_cmd'))
    noteCommand(grub, event.content.text);
  draft.same(event);
}

function startOf(image: BootImage | undefined): GrubState {
  return { steady: image?.state === 'same', initrds: [], loaded: [] };
}

function noteCommand(grub: GrubState, text: string): void {
  const [command, ...args] = text.split(' ').filter((word) => word !== '');
  if (/^linux(efi|16)?$/.test(command ?? '') && args[0] !== undefined) grub.kernel = args[0];
  if (/^initrd(efi|16)?$/.test(command ?? '')) grub.initrds = args;
}

async function fileStep(walk: Walk, grub: GrubState, event: ReadEvent): Promise<void> {
  const { draft } = walk;
  const path = event.content.is === 'label' ? event.content.text : undefined;
  const found = path === undefined ? undefined : await sourceOf(walk, grub, event, path);
  if (path === undefined || !found) {
    grub.steady = false;
    draft.unknown(event);
    const detail = 'GRUB read it at this boot, and it is not found now on one file system alone';
    draft.find('loader-config-changed', 'unknown', path ?? 'a file', GRUB_PCRS, detail);
    return;
  }
  grub.volume = found.volume;
  const now = draft.hash(found.bytes);
  const isSame = draft.becomes(event, now);
  if (path === grub.kernel) grub.kernelNow = found.bytes;
  if (grub.initrds.includes(path)) grub.loaded.push({ measured: event.digest, now });
  if (isSame) return watchEntries(walk, grub, path);
  if (path === grub.kernel || grub.initrds.includes(path)) {
    draft.find('file-changed', 'changes', path, [9], 'GRUB loads it, and it has changed since this boot');
    return;
  }
  grub.steady = false;
  const detail = 'it steers GRUB and has changed since this boot: what GRUB does with it is not known here';
  draft.find('loader-config-changed', 'unknown', path, GRUB_PCRS, detail);
}

/** '(hd0,gpt1)/grub/grub.cfg' or '/vmlinuz'. GRUB's names of disks say nothing here: the content does. */
async function sourceOf({ draft, environment }: Walk, grub: GrubState, event: ReadEvent, path: string) {
  const candidates: { readonly volume: Volume; readonly bytes: Uint8Array }[] = [];
  for (const volume of environment.volumes) {
    const content = await readFrom(volume, path.replace(/^\([^)]*\)/, ''));
    if (content.is === 'file') candidates.push({ volume, bytes: content.bytes });
  }
  return (
    candidates.find(({ bytes }) => equal(draft.hash(bytes), event.digest)) ??
    (candidates.length === 1 ? candidates[0] : candidates.find(({ volume }) => volume === grub.volume))
  );
}

/** Boot loader entries are read by their folder: one that came since is not in the log. */
async function watchEntries({ draft }: Walk, grub: GrubState, path: string): Promise<void> {
  const folder = /^(?:\([^)]*\))?(.*\/loader\/entries)\/[^/]+\.conf$/.exec(path)?.[1];
  if (folder === undefined || !grub.volume) return;
  const read = new Set(
    draft.events.flatMap(({ content }) => (content.is === 'label' ? [content.text.split('/').at(-1)] : [])),
  );
  const names = await namesIn(grub.volume, folder);
  const added = names.find((name) => name.endsWith('.conf') && !read.has(name));
  if (added === undefined) return;
  grub.steady = false;
  draft.find('loader-config-changed', 'unknown', added, GRUB_PCRS, 'a boot entry that GRUB has not read at this boot');
}
