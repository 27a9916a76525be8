import { concat, fromUtf8, utf8 } from '@sekimori/bytes';
import type { Crypto, HashName } from '@sekimori/crypto-core';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { loaderInfo } from './image-kind.ts';
import { contentOfSection, type ImageFault, type PeImage, sectionOf } from './pe.ts';

// What systemd-stub does with a unified kernel image. UAPI.5, systemd-stub(7), systemd-measure(1).

/** Sections in the order in which they go to PCR 11, with the version of the stub that began to measure them. */
const MEASURED: readonly (readonly [name: string, since: number])[] = [
  ['.linux', 252],
  ['.osrel', 252],
  ['.cmdline', 252],
  ['.initrd', 252],
  ['.ucode', 256],
  ['.splash', 252],
  ['.dtb', 252],
  ['.uname', 254],
  ['.sbat', 254],
  ['.pcrpkey', 252],
  ['.hwids', 257],
];
/** Versions whose measurements are known here. */
const VERSIONS = new Set([252, 254, 255, 256, 257, 258]);
/** Which of these is taken is chosen at boot, by the hardware or by an argument. */
const CHOSEN_AT_BOOT = ['.profile', '.dtbauto', '.efifw'];

export type StubFault = ImageFault | Fault<'stub-unknown'>;

/** One section: what is extended for its name, then for its content. */
export interface SectionMeasurement {
  readonly name: string;
  readonly nameDigest: Uint8Array;
  readonly contentDigest: Uint8Array;
}

/** The whole of PCR 11 as the stub leaves it. `stub-unknown`: a version, or a kind of image, that is not known here. */
export function stubMeasurements(
  crypto: Pick<Crypto, 'hash'>,
  bank: HashName,
  image: PeImage,
): Result<readonly SectionMeasurement[], StubFault> {
  const version = stubVersion(image);
  if (!version.ok) return version;
  const chosen = CHOSEN_AT_BOOT.find((name) => sectionOf(image, name));
  if (chosen !== undefined) return fail('stub-unknown', `the image has ${chosen}, which is chosen at boot`);
  const measured: SectionMeasurement[] = [];
  for (const [name, since] of MEASURED) {
    const section = sectionOf(image, name);
    if (!section || section.virtualSize === 0 || version.value < since) continue;
    const content = contentOfSection(image, section);
    if (!content.ok) return content;
    const nameDigest = crypto.hash(bank, utf8(`${name}\0`));
    measured.push({ name, nameDigest, contentDigest: crypto.hash(bank, content.value) });
  }
  return ok(measured);
}

/**
 * The initrd that the stub hands to the kernel, where it adds nothing of its own: files beside the image are the caller's to
 * rule out. `stub-unknown` where it wraps sections up as files.
 */
export function embeddedInitrd(image: PeImage): Result<Uint8Array | undefined, StubFault> {
  const version = stubVersion(image);
  if (!version.ok) return version;
  const wrapped = ['.pcrsig', '.pcrpkey'].find((name) => sectionOf(image, name));
  if (version.value > 256 || wrapped !== undefined)
    return fail('stub-unknown', 'the stub adds files of its own to the initrd');
  const parts: Uint8Array[] = [];
  for (const name of version.value < 256 ? ['.initrd'] : ['.ucode', '.initrd']) {
    const section = sectionOf(image, name);
    if (!section || section.virtualSize === 0) continue;
    const content = contentOfSection(image, section);
    if (!content.ok) return content;
    parts.push(content.value);
  }
  if (parts.length < 2) return ok(parts[0]);
  return ok(concat(...parts.flatMap((part) => [part, new Uint8Array(-part.length & 3)])));
}

/** The command line that the stub hands over where no other was given: of `.cmdline`, with control characters as spaces. */
export function embeddedCommandLine(image: PeImage): Result<string | undefined, StubFault> {
  const version = stubVersion(image);
  if (!version.ok) return version;
  if (version.value > 257) return fail('stub-unknown', 'the stub adds to the command line');
  const section = sectionOf(image, '.cmdline');
  if (!section || section.virtualSize === 0) return ok(undefined);
  const content = contentOfSection(image, section);
  if (!content.ok) return content;
  const end = content.value.indexOf(0);
  const text = fromUtf8(end < 0 ? content.value : content.value.subarray(0, end));
  if (text === undefined) return fail('image-malformed', '.cmdline is not UTF-8');
  return ok(asArguments(text));
}

/** As the stub writes a command line: control characters become spaces, and none stand at either end. */
export function asArguments(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\0-\x20\x7f]/g, ' ').replaceAll(/^ +| +$/g, '');
}

function stubVersion(image: PeImage): Result<number, Fault<'stub-unknown'>> {
  const info = loaderInfo(image);
  const version = Number(/^systemd-stub (\d{1,4})\b/.exec(info ?? '')?.[1]);
  return VERSIONS.has(version) ? ok(version) : fail('stub-unknown', `the stub is ${info ?? 'not one of systemd'}`);
}
