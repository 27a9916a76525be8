import { randomBytes } from 'node:crypto';
import { type FileHandle, link, open, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Secret } from '@sekimori/crypto-core';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { type ImageFault, inspectOuterDisk, inspectRawImage, openImage } from './image.ts';
import { luksPassphrase } from './luks-passphrase.ts';
import { withSecretFiles } from './secret-fifos.ts';
import { type Ran, runProgram } from './tools.ts';

/** LUKS1 with a key of 512 bits: header, eight key slots, aligned to 1 MiB. */
const HEADER_BYTES = 2 * 1024 * 1024;
const WRONG_PASSPHRASE = 2;
/** The key has 256 random bits: stretching it would gain nothing, and cost at every start. 1000 is the least there is. */
const FORMAT = ['luksFormat', '-q', '--type', 'luks1', '--pbkdf-force-iterations', '1000', '--hash', 'sha256'].concat([
  '--cipher',
  'aes-xts-plain64',
  '--key-size',
  '512',
]);

/** A header may ask for any work, and may be exchanged after `inspectOuterDisk` has looked at it. */
export const CRYPTSETUP_LIMIT_MILLIS = 120_000;

export type OuterDiskFault = ImageFault | Fault<'file-exists' | 'cryptsetup-failed'>;

/**
 * Encrypts a raw image into a new file that QEMU opens as LUKS1: made by cryptsetup, as qemu-img's own way is slow and fails by chance,
 * and filled by qemu-img. The file is its owner's alone, and appears under its name when it is whole and on the disk. `image-not-found`,
 * `not-raw` for the source; `file-exists`, with nothing changed; `cryptsetup-failed`, `qemu-img-failed` with their words.
 */
export async function createOuterDisk(options: {
  /** Raw. It stays as it is. */
  readonly source: string;
  readonly target: string;
  /** 32 random bytes. */
  readonly key: Secret;
}): Promise<Result<void, OuterDiskFault>> {
  const { source, target, key } = options;
  const raw = await inspectRawImage(source);
  if (!raw.ok) return raw;
  const image = await openImage(source);
  if (!image.ok) return image;
  try {
    return await appear(target, image.value, raw.value.size, key);
  } finally {
    await image.value.close();
  }
}

/** `not-luks` for a file of another format. */
export async function opensWith(file: string, key: Secret): Promise<Result<boolean, OuterDiskFault>> {
  const disk = await inspectOuterDisk(file);
  if (!disk.ok) return disk;
  const ran = await cryptsetup(['open', '--test-passphrase', '--type', 'luks1'], resolve(file), key);
  if (ran.status === 0) return ok(true);
  return ran.status === WRONG_PASSPHRASE ? ok(false) : fail('cryptsetup-failed', ran.stderr);
}

/** Under another name at first, so that what a crash leaves is not taken for a disk. */
async function appear(
  target: string,
  source: FileHandle,
  size: number,
  key: Secret,
): Promise<Result<void, OuterDiskFault>> {
  const folder = dirname(resolve(target));
  const temporary = join(folder, `.unfinished-${randomBytes(8).toString('hex')}`);
  const disk = await open(temporary, 'wx+', 0o600);
  try {
    await disk.truncate(HEADER_BYTES + size);
    const formatted = await cryptsetup(FORMAT, temporary, key);
    if (formatted.status !== 0) return fail('cryptsetup-failed', formatted.stderr);
    const made = await inspectOuterDisk(temporary);
    if (!made.ok) return made;
    if (made.value.size !== size)
      return fail('cryptsetup-failed', `it left ${made.value.size} bytes for the content, not ${size}`);
    const filled = await fill(source, disk, key);
    if (!filled.ok) return filled;
    await disk.sync();
    await link(temporary, target); // unlike rename, refuses a name that is taken
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return fail('file-exists', `${target} is there already`);
    throw error;
  } finally {
    await disk.close();
    await unlink(temporary);
  }
  await syncFolder(folder);
  return ok(undefined);
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

/** The passphrase goes in by standard input. */
async function cryptsetup(args: readonly string[], file: string, key: Secret): Promise<Ran> {
  const passphrase = luksPassphrase(key);
  const options = ['--batch-mode', '--key-file', '-', '--', file];
  const limit = { timeoutMillis: CRYPTSETUP_LIMIT_MILLIS };
  const ran = await passphrase.use((input) => runProgram('cryptsetup', [...args, ...options], { input, ...limit }));
  passphrase.wipe();
  return ran;
}

async function fill(source: FileHandle, disk: FileHandle, key: Secret): Promise<Result<void, OuterDiskFault>> {
  const target = 'driver=luks,key-secret=key,file.driver=file,file.filename=/proc/self/fd/4';
  const { status, stderr } = await withSecretFiles([luksPassphrase(key)], ([file]) => {
    const secret = JSON.stringify({ 'qom-type': 'secret', id: 'key', file });
    const args = ['convert', '-n', '-f', 'raw', '--object', secret, '--target-image-opts'];
    const descriptors = [source.fd, disk.fd];
    return runProgram('qemu-img', [...args, '--', '/proc/self/fd/3', target], { descriptors });
  });
  return status === 0 ? ok(undefined) : fail('qemu-img-failed', stderr);
}
