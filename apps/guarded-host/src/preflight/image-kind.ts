import { fromUtf8 } from '@sekimori/bytes';
import { contentOfSection, type PeImage, sectionOf } from './pe.ts';

/** The programs of a boot chain that measure something of their own; `other` is none of them. */
export type ImageKind = 'uki' | 'systemd-boot' | 'shim' | 'grub' | 'linux' | 'other';

/** By what each carries: systemd's `.sdmagic`, shim's and GRUB's component in `.sbat`, the header of a kernel. */
export function kindOf(image: PeImage): ImageKind {
  const magic = loaderInfo(image);
  if (magic?.startsWith('systemd-stub ') && sectionOf(image, '.linux')) return 'uki';
  if (magic?.startsWith('systemd-boot ')) return 'systemd-boot';
  const components =
    textOf(image, '.sbat')
      ?.split('\n')
      .map((line) => line.split(',')[0]) ?? [];
  if (sectionOf(image, '.vendor_cert') || components.includes('shim')) return 'shim';
  if (sectionOf(image, 'mods') || components.includes('grub')) return 'grub';
  const isKernel = LINUX_MAGICS.some(({ at, text }) => fromUtf8(image.bytes.subarray(at, at + text.length)) === text);
  return isKernel ? 'linux' : 'other';
}

/** Headers of kernels: Linux x86 boot protocol, AArch64 boot image header. */
const LINUX_MAGICS = [
  { at: 0x202, text: 'HdrS' },
  { at: 0x38, text: 'ARMd' },
] as const;

/** "systemd-stub 252.39-1", from "#### LoaderInfo: … ####". */
export function loaderInfo(image: PeImage): string | undefined {
  return /^#### LoaderInfo: ([\x20-\x7e]{1,200}) ####/.exec(textOf(image, '.sdmagic') ?? '')?.[1];
}

const MAX_TEXT = 64 * 1024;

/** A section of text without its final NULs. */
function textOf(image: PeImage, name: string): string | undefined {
  const section = sectionOf(image, name);
  if (!section || section.virtualSize > MAX_TEXT) return undefined;
  const content = contentOfSection(image, section);
  return content.ok ? fromUtf8(content.value)?.replace(/\0+$/, '') : undefined;
}
