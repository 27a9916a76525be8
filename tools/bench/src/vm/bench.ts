import { agentCosts } from './agent-costs.ts';
import {
  CACHED_DISK_CASES,
  DIRECT_DISK_CASES,
  AGENT_CASES,
  SHIELDED_START_CASES,
  START_CASES,
  type VmCase,
} from './cases.ts';
import { diskRates, hasDirectAccess, makeImages } from './disk-rates.ts';
import { aPlace } from './place.ts';
import type { Row, Values } from './row.ts';
import { startTimes } from './start-times.ts';

export interface VmEffort {
  /** Starts of each kind. */
  readonly starts: number;
  /** Runs of each qemu-img bench. */
  readonly diskRuns: number;
  /** Size of the images: a power of two. */
  readonly diskMib: number;
  /** VMs that run at once, and how often all of them are started and stopped, for their share of the agent's memory. */
  readonly vms: number;
  readonly rounds: number;
  /** How long the agent is left alone before its memory is read. */
  readonly settleMillis: number;
}

export interface VmTold {
  readonly row: (row: Row) => void;
  /** Cases that this machine cannot measure, and why. */
  readonly leftOut: (cases: readonly VmCase[], why: string) => void;
}

/** All cases, one section after the other; `told` hears of each section as it is done. */
export async function vmBench(effort: VmEffort, told: VmTold): Promise<void> {
  await using place = await aPlace();
  const tell = (values: Values, cases: readonly VmCase[]) => values.rows(cases).forEach(told.row);

  const isRoot = process.getuid?.() === 0;
  const times = await startTimes(place, effort.starts, isRoot);
  tell(times, isRoot ? [...START_CASES, ...SHIELDED_START_CASES] : START_CASES);
  if (!isRoot) told.leftOut(SHIELDED_START_CASES, 'a shielded VM runs under a user of its own, which takes root');

  const images = await makeImages(place.folder, effort.diskMib);
  const rates = (cache: 'writeback' | 'none') => diskRates(place.runFolder, images, effort.diskRuns, cache);
  tell(await rates('writeback'), CACHED_DISK_CASES);
  if (await hasDirectAccess(images)) tell(await rates('none'), DIRECT_DISK_CASES);
  else told.leftOut(DIRECT_DISK_CASES, `${place.folder} has no O_DIRECT; TMPDIR chooses another disk`);

  tell(await agentCosts(place, effort), AGENT_CASES);
}
