import type { ReadEvent } from '@sekimori/event-log';
import { fromUtf16 } from '../efi-variables.ts';
import { LOADER } from '../guid.ts';
import { namesIn, readFrom } from '../volumes.ts';
import { lastOfKind, type Walk } from '../walk.ts';

/** What another choice of an entry touches. */
const ENTRY_PCRS = [4, 8, 9, 11, 12, 13];

/**
 * Which entry systemd-boot takes. It left behind which ones it found, in its order, and which one it took: with the same ones
 * there it takes the same again, if that was its own choice. How it would place another one is not computed here. systemd-boot(7).
 */
export async function entryChoiceStep(walk: Walk): Promise<void> {
  const { draft, environment } = walk;
  const variables = environment.variables;
  const unknown = (detail: string) => draft.find('loader-entry-changed', 'unknown', 'systemd-boot', ENTRY_PCRS, detail);
  const [found, selected] = [
    await variables?.read(LOADER, 'LoaderEntries'),
    await variables?.read(LOADER, 'LoaderEntrySelected'),
  ];
  if (!found || !selected) return unknown('it is not known which entries it found, and which one it took');
  const known = idsIn(found).filter((id) => !id.startsWith('auto-'));
  const now = await entriesNow(walk);
  const added = now.filter((id) => !known.includes(id));
  if (added.length > 0) return unknown(`it may take ${added.join(', ')}, which was not there at this boot`);
  const taken = fromUtf16(selected).toLowerCase();
  if (!now.includes(taken)) return unknown(`${taken}, which it took at this boot, is not there any more`);
  const preferred = await variables?.read(LOADER, 'LoaderEntryDefault');
  const first = preferred ? fromUtf16(preferred).toLowerCase() : await configuredDefault(walk, known);
  if (first !== taken)
    unknown(`it took ${taken} at this boot, and ${first ?? 'another one'} is what it takes by itself`);
}

/** Names of boot entries, without the counter of tries: 'arch.conf', 'debian-6.1.efi'. */
async function entriesNow({ environment }: Walk): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const volume of environment.volumes.filter(({ kind }) => kind !== 'root')) {
    const [images, files] = [await namesIn(volume, 'EFI/Linux'), await namesIn(volume, 'loader/entries')];
    ids.push(...images.filter((name) => /\.efi$/i.test(name)), ...files.filter((name) => /\.conf$/i.test(name)));
  }
  return [...new Set(ids.map((name) => name.toLowerCase().replace(/\+\d+(-\d+)?(?=\.[a-z]+$)/, '')))];
}

/** `default` of loader.conf where it names one entry and is no pattern; else the first that was found. */
async function configuredDefault({ environment }: Walk, known: readonly string[]): Promise<string | undefined> {
  for (const volume of environment.volumes.filter(({ kind }) => kind === 'esp')) {
    const content = await readFrom(volume, 'loader/loader.conf');
    if (content.is !== 'file') continue;
    const text = Buffer.from(content.bytes).toString('utf8');
    const pattern = /^[ \t]*(?:default|preferred)[ \t]+(\S+)/m.exec(text)?.[1]?.toLowerCase();
    if (pattern !== undefined) return /[*?[@]/.test(pattern) ? undefined : pattern;
  }
  return known[0];
}

/** UTF-16 strings, each with its NUL. */
function idsIn(value: Uint8Array): readonly string[] {
  const text = Buffer.from(value.subarray(0, value.length & ~1)).toString('utf16le');
  return text
    .split('\0')
    .filter((id) => id !== '')
    .map((id) => id.toLowerCase());
}

/** Tag of loader.conf in PCR 5: systemd, TPM2_PCR_MEASUREMENTS.md. */
const LOADER_CONF_TAG = 0xf5bc582a;

/** `loader/loader.conf`, which systemd-boot measures to PCR 5. */
export function isLoaderConf(walk: Walk, { pcr, typeName, content }: ReadEvent): boolean {
  const isTagged = content.is === 'label' && content.tag === LOADER_CONF_TAG;
  return pcr === 5 && typeName === 'EV_EVENT_TAG' && isTagged && lastOfKind(walk, 'systemd-boot') !== undefined;
}

export async function loaderConfStep(walk: Walk, event: ReadEvent): Promise<void> {
  const { draft, environment } = walk;
  for (const volume of environment.volumes.filter(({ kind }) => kind === 'esp')) {
    const content = await readFrom(volume, 'loader/loader.conf');
    if (content.is !== 'file') continue;
    if (!draft.becomes(event, draft.hash(content.bytes)))
      draft.find('file-changed', 'changes', 'loader.conf', [5], 'it has changed since this boot');
    return;
  }
  draft.unknown(event);
  draft.find('image-missing', 'unknown', 'loader.conf', [5], 'there is no such file any more');
}
