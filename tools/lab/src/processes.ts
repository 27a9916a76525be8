import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Running {
  /** Resolves when the process is gone. Never rejects. */
  readonly ended: Promise<void>;
  /** Ends the process, gently first, and waits until it is gone. */
  end(): Promise<void>;
}

/** Starts a program that also ends when we do, however that happens; what it says on stderr goes to a file. */
export function start(program: string, args: readonly string[], errors: string): Running {
  const log = openSync(errors, 'w', 0o600);
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', program, ...args], { stdio: ['ignore', 'ignore', log] });
  closeSync(log);
  const ended = new Promise<void>((done) => {
    child.once('exit', () => done());
    child.once('error', () => done());
  });
  return {
    ended,
    end: async () => {
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(killer);
    },
  };
}

/** Waits until `done` says so. Rejects after `limitMillis`, when `done` does, or when what is waited for has ended. */
export async function until(done: () => Promise<boolean>, limitMillis: number, ended: Promise<void>): Promise<void> {
  const deadline = performance.now() + limitMillis;
  let gone = false;
  void ended.then(() => (gone = true));
  while (!(await done())) {
    if (gone) throw new Error('it ended');
    if (performance.now() > deadline) throw new Error(`nothing after ${limitMillis} ms`);
    await sleep(50);
  }
}
