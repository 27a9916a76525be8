import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { EXIT } from '../src/index.ts';

const program = fileURLToPath(new URL('programs/slow-service.ts', import.meta.url));

function start(mode: string) {
  const child = spawn(process.execPath, ['--conditions=@sekimori/source', program, mode]);
  const lines = createInterface({ input: child.stdout });
  const output: string[] = [];
  const waiting: (() => void)[] = [];
  let errors = '';
  lines.on('line', (line) => {
    output.push(line);
    for (const wake of waiting.splice(0)) wake();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    child,
    output,
    errors: () => errors,
    ended,
    async line(at: number): Promise<string> {
      while (output.length <= at) {
        const woken = await Promise.race([new Promise<true>((wake) => waiting.push(() => wake(true))), ended]);
        if (woken !== true && output.length <= at) throw new Error(`it ended: ${errors}`);
      }
      return output[at] as string;
    },
  };
}

it.each(['SIGTERM', 'SIGINT'] as const)(
  '%s lets the request in flight end, then closes in reverse order',
  async (signal) => {
    const service = start('good');
    const url = await service.line(0);
    const answer = fetch(`${url}/v1/slow`);
    expect(await service.line(1)).toBe('inside');
    service.child.kill(signal);
    expect(await (await answer).json()).toEqual({ done: true });
    expect(await service.ended).toBe(EXIT.stopped);
    expect(service.output.slice(2)).toEqual(['closed server', 'closed first']);
    await expect(fetch(url)).rejects.toThrow('fetch failed');
  },
);

it('waits no longer than told', async () => {
  const service = start('stuck');
  await service.line(0);
  service.child.kill('SIGTERM');
  expect(await service.ended).toBe(EXIT.forced);
});

it('stops with a failure when an error was caught by nobody', async () => {
  const service = start('uncaught');
  expect(await service.ended).toBe(EXIT.failed);
  expect(service.errors()).toContain('nobody caught me');
  expect(service.output.slice(1)).toEqual(['closed server', 'closed first']);
});

it('says what keeps it from starting, and a way out', async () => {
  const refused = start('refused');
  expect(await refused.ended).toBe(EXIT.refused);
  expect(refused.errors()).toContain('slow: error: the port is missing\nslow: hint: set listen.port\n');
  const failing = start('failing');
  expect(await failing.ended).toBe(EXIT.failed);
  expect(failing.errors()).toContain('slow: error: the disk is full\n');
  expect(failing.errors()).not.toContain('at async');
});
