import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A program of ours under way, from its sources. */
export interface RunningProgram {
  readonly child: ChildProcess;
  /** Its exit status; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  readonly output: () => string;
  readonly errors: () => string;
  /** The first line of its log with this message. Rejects when it ends before. */
  logged(this: void, message: string): Promise<Readonly<Record<string, unknown>>>;
}

/** `env` is all that it sees of an environment, but for PATH. The caller ends it. */
export function runProgram(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): RunningProgram {
  const child = spawn(process.execPath, ['--conditions=@sekimori/source', file, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  let output = '';
  const errors: string[] = [];
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const lines = createInterface({ input: child.stderr });
  lines.on('line', (line) => errors.push(line));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    child,
    ended,
    output: () => output,
    errors: () => errors.map((line) => `${line}\n`).join(''),
    logged: (message) =>
      new Promise((resolve, reject) => {
        const look = (line: string): void => {
          const entry = line.startsWith('{') ? (JSON.parse(line) as Record<string, unknown>) : {};
          if (entry['msg'] === message) resolve(entry);
        };
        errors.forEach(look);
        lines.on('line', look);
        void ended.then(() => reject(new Error(`it ended: ${errors.join('\n')}`)));
      }),
  };
}
