import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectOk } from '@sekimori/result';
import { expect } from 'vitest';
import { numbered, vmPaths } from '../../../src/vm/folder/layout.ts';
import { socketsIn } from '../../../src/vm/machine.ts';
import { runPaths } from '../../../src/vm/run-record.ts';
import { countsIn } from './console.ts';
import { newestState } from './owner.ts';
import type { KillPoint, Moment } from './points.ts';
import { isThere, processesOf } from '../support/processes.ts';
import type { KillStage, Outcome } from './stage.ts';

const POLL_MILLIS = 1;
const WATCH_MILLIS = 100;
const KEPT_MILLIS = 20_000;

/** How a strike went, in words. */
export interface Strike {
  /** False where the victim had ended by itself. */
  readonly struck: boolean;
  /** How what was under way ended. */
  readonly answer: string;
  /** What became of the VM. */
  readonly fate: 'ran on' | 'was started again';
}

/**
 * Kills at one point, recovers, and expects that the VM opens: what its guest counted on its disk and in its NVRAM is there, its state is
 * whole, never were two QEMUs of it, and nothing is left over.
 */
export async function strike(stage: KillStage, point: KillPoint): Promise<Strike> {
  const isStop = point.phase === 'stop';
  await (isStop ? running(stage) : stopped(stage));
  const watch = new QemuWatch(stage);
  const before = await sights(stage);
  const asked: Promise<Outcome<object>> = isStop ? stage.stop() : stage.start();
  const answered = new AbortController();
  void asked.then(() => answered.abort());
  while (!answered.signal.aborted && !(await HAS_COME[point.moment](stage, before))) await sleep(POLL_MILLIS);
  if (point.delayMillis > 0) await sleep(point.delayMillis);
  const struck = await stage.kill(point.victim);
  const answer = wordOf(await asked);
  await stage.recover();

  const isUp = await goesOn(stage, point);
  if (!isUp) await started(stage);
  await stage.console.counts();
  expectNothingLost(stage);
  await expectWhole(stage);
  expect(watch.end(), 'QEMUs of the VM at the same time').toBe(1);
  return { struck, answer, fate: isUp ? 'ran on' : 'was started again' };
}

/** Running, and what its guest counted by now is sealed. */
async function running(stage: KillStage): Promise<void> {
  if ((await stage.settled()).state !== 'running') await started(stage);
  const { nvram } = await stage.console.counts();
  const deadline = performance.now() + KEPT_MILLIS;
  while ((await newestState(stage.vmFolder)).nvramBoots < nvram) {
    if (performance.now() > deadline) throw new Error('the NVRAM of a VM that runs was not kept');
    await sleep(100);
  }
}

/** Stopped in order, with nothing left of it. */
export async function stopped(stage: KillStage): Promise<void> {
  if ((await stage.settled()).state === 'running') expect(wordOf(await stage.stop())).toBe('powered-down');
  expect((await stage.settled()).state).toBe('stopped');
  await expectNothingLeft(stage);
}

async function started(stage: KillStage): Promise<void> {
  const outcome = await stage.start();
  if (outcome === 'gone') throw new Error('the agent was killed by nobody, and is gone');
  expect(expectOk(outcome).usedLastKnownGood).toBe(false);
}

/** Whether the VM runs as it should. Where it does not, it has been ended. */
async function goesOn(stage: KillStage, { phase }: KillPoint): Promise<boolean> {
  const { state } = await stage.settled();
  const hasTpm = processesOf(stage.runFolder).some(({ kind }) => kind === 'swtpm');
  if (state === 'running' && hasTpm && phase !== 'stop') return true;
  // The operator goes on with what was cut off; a VM without its TPM is started again.
  const again = state === 'running' ? wordOf(await stage.stop(phase === 'stop' ? 10 : 0)) : 'stopped';
  expect(['powered-down', 'quit', 'gone', 'stopped', 'vm-not-running']).toContain(again);
  expect((await stage.settled()).state).toBe('stopped');
  await expectNothingLeft(stage);
  return false;
}

/** Each boot that came to its counts counted further than the one before: same disk, same NVRAM. */
function expectNothingLost({ console }: KillStage): void {
  const all = console.boots.flatMap((boot) => countsIn(boot) ?? []);
  for (const [index, { disk, nvram }] of all.entries()) {
    const earlier = all[index - 1];
    if (earlier) expect(disk, 'the disk').toBeGreaterThan(earlier.disk);
    if (earlier) expect(nvram, 'the NVRAM').toBeGreaterThan(earlier.nvram);
    expect(nvram).toBeLessThanOrEqual(disk);
  }
  expect(console.boots.filter(({ text }) => text.includes(' fails: '))).toEqual([]);
}

/** Its newest generation opens for its owner and is the one that runs; no unfinished one lies beside it. */
async function expectWhole(stage: KillStage): Promise<void> {
  const shown = await stage.show();
  const { generation } = await newestState(stage.vmFolder);
  expect(shown).toMatchObject({ state: 'running', generation: `${generation}` });
  const { claims, generations } = vmPaths(stage.vmFolder);
  // What the agent is just writing, a beat or its NVRAM, has such a name for a moment; what was left keeps it.
  for (const folder of [generations, claims])
    await expect.poll(() => readdirSync(folder).filter((name) => name.startsWith('.')), { timeout: 5_000 }).toEqual([]);
  expect(readdirSync(claims).toSorted().at(-1)).toBe(`${numbered(generation)}.beat`);
  expect(
    processesOf(stage.runFolders)
      .map(({ kind }) => kind)
      .toSorted(),
  ).toEqual(['qemu', 'swtpm']);
}

async function expectNothingLeft(stage: KillStage): Promise<void> {
  await expect.poll(() => processesOf(stage.runFolders), { timeout: 5_000 }).toEqual([]);
  expect(existsSync(stage.runFolder)).toBe(false);
}

function wordOf(outcome: Outcome<object>): string {
  if (outcome === 'gone') return 'gone with the agent';
  if (outcome.ok) return 'how' in outcome.value ? String(outcome.value.how) : 'started';
  expect(outcome.fault.code, outcome.fault.detail).not.toBe('internal');
  return outcome.fault.code;
}

/** What was there before. */
interface Sights {
  readonly claims: readonly string[];
  readonly generations: readonly string[];
  readonly commits: string;
  readonly pid: number | undefined;
}

async function sights(stage: KillStage): Promise<Sights> {
  const { claims, generations } = vmPaths(stage.vmFolder);
  return {
    claims: readdirSync(claims),
    generations: readdirSync(generations),
    commits: await stage.service.commits(),
    pid: (await stage.show()).pid,
  };
}

type HasCome = (stage: KillStage, before: Sights) => boolean | Promise<boolean>;

const newIn = (folder: string, before: readonly string[]) =>
  readdirSync(folder).filter((name) => !before.includes(name));
const HAS_COME: Readonly<Record<Moment, HasCome>> = {
  asked: () => true,
  claimed: ({ vmFolder }, { claims }) => newIn(vmPaths(vmFolder).claims, claims).some((name) => !name.startsWith('.')),
  released: async ({ service }, { commits }) => (await service.commits()) !== commits,
  sealing: ({ vmFolder }, { generations }) => newIn(vmPaths(vmFolder).generations, generations).length > 0,
  sealed: ({ vmFolder }, { generations }) =>
    newIn(vmPaths(vmFolder).generations, generations).some((name) => !name.startsWith('.')),
  recorded: ({ runFolder }) => existsSync(runPaths(runFolder).record),
  'vtpm-listens': ({ runFolder }) => existsSync(socketsIn(runFolder).vtpm),
  'qemu-spawned': ({ runFolder }) => existsSync(`${runPaths(runFolder).machine}/qemu.json`),
  'qemu-listens': ({ runFolder }) => existsSync(`${runPaths(runFolder).machine}/qmp.sock`),
  answered: () => false, // the wait ends with the answer
  'qemu-gone': (_, { pid }) => pid === undefined || !isThere(pid),
  'given-back': ({ vmFolder }, { claims }) =>
    newIn(vmPaths(vmFolder).claims, claims).some((name) => name.endsWith('.released')),
  cleared: ({ runFolder }) => !existsSync(runFolder),
};

/** Counts the QEMUs of a VM, again and again. */
class QemuWatch {
  #most = 0;
  readonly #timer: NodeJS.Timeout;

  constructor({ runFolder }: KillStage) {
    const look = () => {
      const now = processesOf(runFolder).filter(({ kind }) => kind === 'qemu').length;
      this.#most = Math.max(this.#most, now);
    };
    this.#timer = setInterval(look, WATCH_MILLIS);
  }

  /** The most that were there at one time. */
  end(): number {
    clearInterval(this.#timer);
    return this.#most;
  }
}
