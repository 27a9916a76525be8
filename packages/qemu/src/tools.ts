import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The path of a program, or undefined. Also looks where a user's PATH does not. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

export interface Ran {
  /** 127 where it is not installed; undefined where a signal or the time limit ended it. */
  readonly status: number | undefined;
  readonly stdout: string;
  /** Its last words; where it had none and a signal ended it, which. */
  readonly stderr: string;
}

const MAX_OUTPUT = 256 * 1024;
const MAX_WORDS = 2000;

/**
 * Runs a program to its end, without our environment. What is given as `input` is a pipe on its standard input. Rejects where it
 * cannot be started, or prints without end.
 */
export function runProgram(
  name: string,
  args: readonly string[],
  options: {
    readonly input?: Uint8Array;
    readonly descriptors?: readonly number[];
    readonly timeoutMillis?: number;
  } = {},
): Promise<Ran> {
  const { input, descriptors = [], timeoutMillis } = options;
  const path = findProgram(name);
  if (path === undefined) return Promise.resolve({ status: 127, stdout: '', stderr: `${name} is not installed` });
  const stdio = [input ? ('pipe' as const) : ('ignore' as const), 'pipe' as const, 'pipe' as const, ...descriptors];
  return new Promise((resolve, reject) => {
    const child = spawn(path, args, { stdio, env: {}, cwd: '/', timeout: timeoutMillis, killSignal: 'SIGKILL' });
    let [stdout, stderr] = ['', ''];
    child.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (stdout.length > MAX_OUTPUT) child.kill('SIGKILL');
    });
    child.stderr?.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-MAX_WORDS)));
    child.once('error', reject);
    child.once('close', (status, signal) => {
      const words = stderr.trim() || (signal ? `${name} was ended by ${signal}` : '');
      if (stdout.length > MAX_OUTPUT) reject(new Error(`${name} does not stop printing`));
      else resolve({ status: status ?? undefined, stdout, stderr: words });
    });
    child.stdin?.on('error', () => {}); // it ended before it had read everything
    child.stdin?.end(input);
  });
}
