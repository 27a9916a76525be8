import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { MAX_SOCKET_PATH } from './check-machine.ts';
import type { ProcessIdentity } from './process.ts';

const OTHERS = 0o077;
const MAX_WORDS = 1000;
/** QEMU warns of what a guest does; a guest must not fill the folder with that. */
const MAX_LOG = 1024 * 1024;

/** What one running QEMU has in its folder. Nothing in it is secret. */
export class RunFolder {
  readonly path: string;
  readonly qmpSocket: string;
  readonly #log: string;
  readonly #record: string;

  private constructor(path: string) {
    this.path = path;
    this.qmpSocket = join(path, 'qmp.sock');
    this.#log = join(path, 'qemu.log');
    this.#record = join(path, 'qemu.json');
  }

  /** `run-folder` where it is missing, open to others, not ours, or its path too long for sockets. */
  static async open(path: string): Promise<Result<RunFolder, Fault<'run-folder'>>> {
    const folder = new RunFolder(path);
    const found = await lstat(path).catch(() => undefined);
    if (!path.startsWith('/') || !found?.isDirectory()) return fail('run-folder', `${path} is no folder`);
    if ((found.mode & OTHERS) !== 0 || (process.getuid && found.uid !== process.getuid()))
      return fail('run-folder', `${path} is open to others: its owner must be us, its mode 0700`);
    if (Buffer.byteLength(folder.qmpSocket) >= MAX_SOCKET_PATH)
      return fail('run-folder', `${path} is too long for a UNIX socket in it`);
    return ok(folder);
  }

  /** A new log for what QEMU says. Only ever appended to, so that it can be cut while QEMU writes. */
  openLog(): Promise<FileHandle> {
    const { O_WRONLY, O_CREAT, O_TRUNC, O_APPEND, O_NOFOLLOW } = constants;
    return open(this.#log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW, 0o600);
  }

  /** The end of what QEMU said. */
  async lastWords(): Promise<string> {
    const text = await readFile(this.#log, 'utf8').catch(() => '');
    return text
      .slice(-MAX_WORDS)
      .replaceAll(/[^\P{Cc}\n]/gu, '?')
      .trim();
  }

  async boundLog(): Promise<void> {
    const file = await open(this.#log, 'r+').catch(() => undefined);
    try {
      if (file && (await file.stat()).size > MAX_LOG) await file.truncate();
    } finally {
      await file?.close();
    }
  }

  async writeRecord({ pid, startTime }: ProcessIdentity): Promise<void> {
    const temporary = `${this.#record}.new`;
    await writeFile(temporary, `${JSON.stringify({ version: 1, pid, startTime })}\n`, { mode: 0o600 });
    await rename(temporary, this.#record);
  }

  /** Undefined where there is none, or it is not one of ours. */
  async readRecord(): Promise<ProcessIdentity | undefined> {
    const text = await readFile(this.#record, 'utf8').catch(() => '');
    const [, pid, startTime] = /^\{"version":1,"pid":(\d{1,10}),"startTime":"(\d{1,20})"\}\n$/.exec(text) ?? [];
    return pid === undefined || startTime === undefined ? undefined : { pid: Number(pid), startTime };
  }

  /** What an earlier QEMU left. */
  async clear(): Promise<void> {
    for (const file of [this.qmpSocket, this.#record]) await rm(file, { force: true });
  }
}
