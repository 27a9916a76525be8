import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expectOk } from '@sekimori/result';
import { createLogger, type Logger, systemClock } from '@sekimori/service-kit';
import { afterAll, vi } from 'vitest';
import { initDataFolder, type RunningServices, startServe } from '../src/index.ts';
import type { Io } from '../src/io.ts';
import { run } from '../src/program.ts';

const BIN = fileURLToPath(new URL('../bin/sekimori.js', import.meta.url));
export const silent: Logger = createLogger({ service: 'test', level: 'silent' });

const folders: string[] = [];
const services: RunningServices[] = [];
afterAll(async () => {
  for (const running of services) await running.close();
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** A path in a fresh folder; nothing is there yet. */
export function freshPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sekimori-cli-'));
  folders.push(folder);
  return join(folder, 'data');
}

export async function anInitialisedFolder(): Promise<string> {
  const data = freshPath();
  expectOk(await initDataFolder({ data, at: new Date(), ports: { attestation: 0, keyProtection: 0 } }));
  return data;
}

/** Both services in this process, on free ports. */
export async function aServedFolder(): Promise<{ readonly data: string; readonly services: RunningServices }> {
  const data = await anInitialisedFolder();
  const running = expectOk(await startServe({ data, logger: silent, clock: systemClock }));
  services.push(running);
  return { data, services: running };
}

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One command line in this process. */
export async function sekimori(args: readonly string[], given: Partial<Io> = {}): Promise<Ran> {
  let [stdout, stderr] = ['', ''];
  const complaints = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
  const io: Io = {
    env: {},
    colours: false,
    columns: undefined,
    write: (text) => void (stdout += text),
    tell: (text) => void (stderr += text),
    ask: undefined,
    stdin: () => Readable.from([]),
    now: () => new Date(),
    ...given,
  };
  try {
    return { status: await run(io, '0.0.0', args), stdout, stderr };
  } finally {
    complaints.mockRestore();
  }
}

/** What `--json` printed, with the status. */
export async function sekimoriJson(args: readonly string[], given: Partial<Io> = {}): Promise<[number | null, any]> {
  const { status, stdout } = await sekimori([...args, '--json'], given);
  return [status, JSON.parse(stdout)];
}

/** The real program, as a process of its own. */
export function spawnProgram(args: readonly string[], env: Readonly<Record<string, string>> = {}, input?: Uint8Array) {
  const child = spawn(process.execPath, ['--conditions=@sekimori/source', BIN, ...args], {
    env: { PATH: process.env['PATH'], HOME: tmpdir(), ...env },
    stdio: 'pipe',
  });
  child.stdin.end(input);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => void (stdout += String(chunk)));
  child.stderr.on('data', (chunk) => void (stderr += String(chunk)));
  const ended = new Promise<Ran>((resolve) => {
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
  return { child, ended };
}
