import { toHex } from '@sekimori/bytes';
import { describeFault } from '@sekimori/result';
import type { ReadEvent } from '@sekimori/event-log';
import { authenticodeDigest } from '../authenticode.ts';
import { type ImageKind, kindOf } from '../image-kind.ts';
import { contentOfSection, parsePe, sectionOf } from '../pe.ts';
import { type FileContent, readFrom, type Volume } from '../volumes.ts';
import type { BootImage, Walk } from '../walk.ts';
import { authorityStep } from './authority.ts';

/** What other programs of the chain measure: not known once one of them cannot be looked at. */
const LATER_PCRS = [8, 9, 11, 12, 13, 14];

/** What a program of each kind measures by itself. A unified kernel image is looked into, and a kernel measures what it is given. */
const OWN_PCRS: Readonly<Record<ImageKind, readonly number[]>> = {
  shim: [7, 14],
  grub: [4, 8, 9],
  'systemd-boot': [5, 12],
  uki: [],
  linux: [],
  other: LATER_PCRS,
};

/** EV_EFI_BOOT_SERVICES_APPLICATION: an image that was started, against the file that would be started now. */
export async function imageStep(walk: Walk, event: ReadEvent, authorities: readonly ReadEvent[]): Promise<void> {
  const { draft } = walk;
  const source = await sourceOf(walk, event);
  const image = lookedAt(walk, event, source);
  walk.images.push(image);
  if (image.state === 'unknown') draft.unknown(event);
  if (image.state === 'changed' && image.digest) {
    const { name, kind } = image;
    draft.find('image-changed', 'changes', name, [event.pcr], `Authenticode digest now ${toHex(image.digest)}`);
    const detail = 'what another version of this program measures is not known here';
    if (OWN_PCRS[kind].length > 0) draft.find('loader-changed', 'unknown', name, OWN_PCRS[kind], detail);
  }
  // What a stub starts out of its own image is checked by nobody: it is part of that image.
  if (source.isEmbedded) draft.unknown(...authorities);
  else await authorityStep(walk, image, authorities);
}

interface Source {
  readonly name: string;
  readonly volume?: Volume;
  readonly path?: string;
  readonly content: FileContent;
  readonly isEmbedded?: boolean;
}

/** Where the image came from: a file on a partition, or memory that another program filled. */
async function sourceOf(walk: Walk, { content }: ReadEvent): Promise<Source> {
  const path = content.is === 'image' ? content.path : undefined;
  if (path === undefined) return fromMemory(walk);
  const partition = content.is === 'image' ? content.partition : undefined;
  const volume = volumeOf(walk, partition);
  if (volume) return { name: path, volume, path, content: await readFrom(volume, path) };
  const why = `the partition ${partition ?? 'it is on'} is not mounted`;
  return { name: path, content: { is: 'unreadable', why } };
}

/** By its partition; a path without one is on that of the program before it. An ESP of unknown partition is taken for any. */
function volumeOf({ environment, images }: Walk, partition: string | undefined): Volume | undefined {
  const { volumes } = environment;
  if (partition === undefined) return images.findLast(({ volume }) => volume)?.volume ?? volumes.find(isEsp);
  return (
    volumes.find((volume) => volume.partition === partition) ??
    volumes.find((volume) => isEsp(volume) && volume.partition === undefined)
  );
}

const isEsp = ({ kind }: Volume) => kind === 'esp';

function fromMemory(walk: Walk): Source {
  const { grub } = walk;
  if (grub?.kernelNow) return { name: grub.kernel ?? 'kernel', content: { is: 'file', bytes: grub.kernelNow } };
  const uki = walk.images.at(-1);
  const linux = uki?.kind === 'uki' && uki.image ? sectionOf(uki.image, '.linux') : undefined;
  const kernel = uki?.image && linux && contentOfSection(uki.image, linux);
  if (kernel?.ok)
    return { name: `.linux of ${uki?.name}`, content: { is: 'file', bytes: kernel.value }, isEmbedded: true };
  return {
    name: 'the kernel',
    content: { is: 'unreadable', why: 'which one the boot loader starts is not known here' },
  };
}

function lookedAt(walk: Walk, event: ReadEvent, { name, volume, path, content }: Source): BootImage {
  const { draft } = walk;
  const file = { event, name, ...(volume && path !== undefined && { volume, path }) };
  const lost: BootImage = { ...file, state: 'unknown', kind: 'other' };
  if (content.is !== 'file') {
    // Where GRUB does something else, that has been said already.
    if (path === undefined && walk.grub?.steady === false) return lost;
    const pcrs = path === undefined ? [event.pcr, 9] : [event.pcr, ...LATER_PCRS];
    if (content.is === 'missing') draft.find('image-missing', 'unknown', name, pcrs, 'there is no such file any more');
    else draft.find('image-unreadable', 'unknown', name, pcrs, content.why);
    return lost;
  }
  const image = parsePe(content.bytes);
  const digest = image.ok ? authenticodeDigest(draft.crypto, draft.bank, image.value) : image;
  if (!image.ok || !digest.ok) {
    const why = digest.ok ? '' : describeFault(digest.fault);
    draft.find('image-refused', 'refused', name, [event.pcr, ...LATER_PCRS], `no firmware starts it: ${why}`);
    return lost;
  }
  const isSame = draft.becomes(event, digest.value);
  const now = { image: image.value, digest: digest.value, kind: kindOf(image.value) };
  return { ...file, ...now, state: isSame ? 'same' : 'changed' };
}
