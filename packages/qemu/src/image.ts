import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { equal, utf8 } from '@sekimori/bytes';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { runProgram } from './tools.ts';

const TIMEOUT_MILLIS = 30_000;

export type ImageFault = Fault<'image-not-found' | 'not-raw' | 'not-luks' | 'qemu-img-failed'>;

/** Opens an image for reading. `image-not-found` also for what is neither a file nor a block device. */
export async function openImage(file: string): Promise<Result<FileHandle, Fault<'image-not-found'>>> {
  // Not blocking: a pipe in place of the image must not hold us up.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: Error) => error);
  if (handle instanceof Error) return fail('image-not-found', handle.message);
  const found = await handle.stat();
  if (found.isFile() || found.isBlockDevice()) return ok(handle);
  await handle.close();
  return fail('image-not-found', `${file} is neither a file nor a block device`);
}

/** What qemu-img sees of an open image, in the format that we say. It is never asked to find the format out. */
async function qemuImgInfo(
  image: FileHandle,
  format: 'raw' | 'luks',
): Promise<Result<object, Fault<'qemu-img-failed'>>> {
  const args = ['info', '--output=json', '-f', format, '--', '/proc/self/fd/3'];
  const ran = await runProgram('qemu-img', args, { descriptors: [image.fd], timeoutMillis: TIMEOUT_MILLIS });
  if (ran.status !== 0) return fail('qemu-img-failed', ran.stderr);
  try {
    const info: unknown = JSON.parse(ran.stdout);
    if (typeof info === 'object' && info !== null) return ok(info);
  } catch {}
  return fail('qemu-img-failed', 'its answer is not JSON');
}

/** Marks at the start, and where they are elsewhere their place; a negative one counts from the end. */
const OTHER_FORMATS: readonly (readonly [format: string, mark: Uint8Array, at?: number])[] = [
  ['qcow', Uint8Array.of(0x51, 0x46, 0x49, 0xfb)],
  ['QED', utf8('QED\0')],
  ['VMDK', utf8('KDMV')],
  ['VMDK', utf8('# Disk DescriptorFile')],
  ['VHDX', utf8('vhdxfile')],
  ['VHD', utf8('conectix')],
  ['VHD', utf8('conectix'), -512],
  ['VDI', Uint8Array.of(0x7f, 0x10, 0xda, 0xbe), 0x40],
  ['VDI', utf8('<<< ')],
  ['Parallels', utf8('WithoutFreeSpace')],
  ['Parallels', utf8('WithouFreSpacExt')],
  ['LUKS', Uint8Array.of(0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe)],
];

/**
 * Whether an image can be a new raw disk: `not-raw` where it bears the mark of another format, which somebody forgot to convert. Only for
 * images that an operator brings: what a guest writes to its disk is its own affair, and never changes how the disk is read.
 */
export async function inspectRawImage(file: string): Promise<Result<{ readonly size: number }, ImageFault>> {
  const opened = await openImage(file);
  if (!opened.ok) return opened;
  const image = opened.value;
  try {
    const found = await image.stat();
    // qemu-img rounds the size of a file, but knows that of a device.
    const size = found.isFile() ? ok(found.size) : sizeOf(await qemuImgInfo(image, 'raw'));
    if (!size.ok) return size;
    for (const [format, mark, at = 0] of OTHER_FORMATS) {
      const seen = new Uint8Array(mark.length);
      await image.read(seen, 0, seen.length, Math.max(0, at < 0 ? size.value + at : at));
      if (equal(seen, mark)) return fail('not-raw', `${file} is a ${format} image: convert it with qemu-img first`);
    }
    if (size.value === 0 || size.value % 512 !== 0) return fail('not-raw', `${file} is not made of whole sectors`);
    return ok({ size: size.value });
  } finally {
    await image.close();
  }
}

function sizeOf(info: Result<object, Fault<'qemu-img-failed'>>): Result<number, Fault<'qemu-img-failed'>> {
  if (!info.ok) return info;
  const { 'virtual-size': size } = info.value as { readonly 'virtual-size'?: unknown };
  return Number.isSafeInteger(size) ? ok(Number(size)) : fail('qemu-img-failed', 'its answer has no size');
}

interface OuterDiskInfo {
  /** What the guest sees, in bytes. */
  readonly size: number;
  /** In bytes. */
  readonly payloadOffset: number;
  /** For example 'aes-256-xts-plain64'. */
  readonly cipher: string;
  readonly hash: string;
  /** Their numbers, of 0 to 7. */
  readonly activeKeySlots: readonly number[];
  /** The most that it asks for at one place. */
  readonly iterations: number;
}

/** Ours have 1000. What a header asks for is work for whoever opens it: four billion would take the better part of an hour. */
const MAX_ITERATIONS = 10_000_000;

/**
 * What the header of a LUKS1 image says; no key is needed, so nothing vouches for it. `not-luks` for another format, LUKS2 too, and for
 * a header that asks for absurdly many iterations.
 */
export async function inspectOuterDisk(file: string): Promise<Result<OuterDiskInfo, ImageFault>> {
  const opened = await openImage(file);
  if (!opened.ok) return opened;
  try {
    const info = await qemuImgInfo(opened.value, 'luks');
    const size = sizeOf(info);
    if (!info.ok || !size.ok) return fail('not-luks', info.ok ? `${file}: no size` : info.fault.detail);
    const header = headerOf(info.value);
    if (header && header.iterations > MAX_ITERATIONS)
      return fail('not-luks', `${file}: its header asks for ${header.iterations} iterations`);
    return header ? ok({ size: size.value, ...header }) : fail('qemu-img-failed', 'its answer lacks the header');
  } finally {
    await opened.value.close();
  }
}

function headerOf(info: object): Omit<OuterDiskInfo, 'size'> | undefined {
  const data = field(field(info, 'format-specific'), 'data');
  const cipher = ['cipher-alg', 'cipher-mode', 'ivgen-alg'].map((name) => String(field(data, name))).join('-');
  const [hash, payloadOffset, slots] = ['hash-alg', 'payload-offset', 'slots'].map((name) => field(data, name));
  if (typeof hash !== 'string' || typeof payloadOffset !== 'number' || !Array.isArray(slots)) return undefined;
  const activeKeySlots = [...slots.keys()].filter((slot) => field(slots[slot], 'active') === true);
  const iterations = [field(data, 'master-key-iters'), ...activeKeySlots.map((slot) => field(slots[slot], 'iters'))];
  if (!iterations.every((count) => typeof count === 'number')) return undefined;
  return { payloadOffset, cipher, hash, activeKeySlots, iterations: Math.max(...iterations) };
}

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
