import { spawn } from 'node:child_process';
import { access, constants, lstat, open, readdir, readFile, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { findProgram } from '@sekimori/qemu';
import { parseMountinfo } from '../mountinfo.ts';
import type { FileState, FileSystem, MachinePort, Ran, RunOptions } from './machine.ts';

const MAX_FILE = 1024 * 1024;
const MAX_OUTPUT = 512 * 1024;
/** Of what a program says on stderr: the end of it. */
const MAX_WORDS = 4000;
const TIMEOUT_MILLIS = 8000;

/** The machine that this program runs on. */
export const linuxMachine: MachinePort = {
  async readText(path) {
    const read = await readBytes(path);
    return 'bytes' in read ? { text: Buffer.from(read.bytes).toString('utf8') } : read;
  },
  readBytes,
  names: (folder) => readdir(folder).catch(() => []),
  stat: (path) => lstat(path).then(stateOf, (error: unknown) => ({ code: codeOf(error) })),
  fileSystem,
  run,
};

/** Files of proc and sys tell no size, and some of them never end. */
async function readBytes(path: string): Promise<{ readonly bytes: Uint8Array } | { readonly code: string }> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const buffer = new Uint8Array(MAX_FILE);
      let length = 0;
      for (let more = -1; more !== 0 && length < MAX_FILE; length += more)
        more = (await file.read(buffer, length, MAX_FILE - length, null)).bytesRead;
      return { bytes: buffer.slice(0, length) };
    } finally {
      await file.close();
    }
  } catch (error) {
    return { code: codeOf(error) };
  }
}

function stateOf({ mode, uid, size }: { mode: number; uid: number; size: number }): FileState {
  const kinds: Readonly<Record<number, FileState['kind']>> = {
    [constants.S_IFREG]: 'file',
    [constants.S_IFDIR]: 'folder',
    [constants.S_IFCHR]: 'device',
    [constants.S_IFBLK]: 'device',
  };
  return { kind: kinds[mode & constants.S_IFMT] ?? 'other', mode: mode & 0o7777, uid, size };
}

async function fileSystem(path: string): Promise<FileSystem> {
  let folder = path;
  while (folder !== '/' && !(await isThere(folder))) folder = dirname(folder);
  const { type, bsize, bavail, blocks, ffree, files } = await statfs(folder);
  const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  return {
    folder,
    magic: type,
    free: bavail * bsize,
    total: blocks * bsize,
    freeInodes: files === 0 ? Number.POSITIVE_INFINITY : ffree, // btrfs counts none
    options: mountOptions(mounts, folder),
  };
}

/** Of the last mount on the longest path above the folder. */
export function mountOptions(mountinfo: string, folder: string): readonly string[] {
  const above = parseMountinfo(mountinfo).filter(
    (mount) => mount.folder === '/' || folder === mount.folder || folder.startsWith(`${mount.folder}/`),
  );
  const longest = Math.max(...above.map((mount) => mount.folder.length));
  return above.findLast((mount) => mount.folder.length === longest)?.options ?? [];
}

/** Without our environment, and with nothing to read. */
async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const path = findProgram(program);
  if (path === undefined) return { missing: true };
  const { timeoutMillis = TIMEOUT_MILLIS, until } = options;
  return new Promise((resolve) => {
    const child = spawn(path, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { LC_ALL: 'C' },
      cwd: '/',
      timeout: timeoutMillis,
      killSignal: 'SIGKILL',
    });
    let [stdout, stderr] = ['', ''];
    const endOnWords = () => {
      if (stdout.length > MAX_OUTPUT || until?.test(`${stdout}\n${stderr}`)) child.kill('SIGKILL');
    };
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      endOnWords();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-MAX_WORDS);
      endOnWords();
    });
    child.once('error', (error) => resolve({ status: undefined, stdout, stderr: error.message }));
    child.once('close', (status) => resolve({ status: status ?? undefined, stdout, stderr: stderr.trim() }));
  });
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'EIO';
}
