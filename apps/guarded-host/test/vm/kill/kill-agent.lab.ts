import { existsSync, readdirSync } from 'node:fs';
import { labIsMissing } from '@sekimori/lab';
import { expectOk } from '@sekimori/result';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { latestClaim } from '../../../src/vm/folder/claim.ts';
import { newestState } from './owner.ts';
import { isThere, processesOf } from '../support/processes.ts';
import { KillStage, type Outcome } from './stage.ts';
import { stopped } from './strike.ts';

/** What the agent does by itself, it does every ten seconds: what these tests see, it did because of what happened. */
const LEASE_SECONDS = 60;

function answered<T>(outcome: Outcome<T>): T {
  if (outcome === 'gone') throw new Error('the agent is gone');
  return expectOk(outcome);
}

describe.skipIf(labIsMissing('outer'))('a VM whose agent is killed', () => {
  let stage: KillStage;
  beforeAll(async () => {
    stage = await KillStage.make({ leaseSeconds: LEASE_SECONDS });
  });
  afterAll(() => stage?.close());

  it('runs on, is taken up by the next agent, and stops in order; what its firmware wrote meanwhile is kept', async () => {
    const { pid, generation } = answered(await stage.start());
    await stage.agent.kill(); // long before the guest counts in its NVRAM
    const { nvram } = await stage.console.counts();
    expect(isThere(pid)).toBe(true);
    await stage.agent.ensure();
    expect(await stage.show()).toMatchObject({ state: 'running', pid, generation });
    expect(await stage.start()).toMatchObject({ ok: false, fault: { code: 'vm-running' } });
    expect(answered(await stage.stop())).toEqual({ how: 'powered-down' });
    expect((await newestState(stage.vmFolder)).nvramBoots).toBe(nvram);
    await stopped(stage);
  });

  it('keeps its NVRAM with the next agent also where QEMU is killed', async () => {
    const { pid } = answered(await stage.start());
    await stage.agent.kill();
    await stage.agent.ensure();
    const { nvram } = await stage.console.counts();
    process.kill(pid, 'SIGKILL');
    await expect.poll(async () => (await stage.show()).state, { timeout: 20_000 }).toBe('stopped');
    expect((await newestState(stage.vmFolder)).nvramBoots).toBe(nvram);
  });

  it('is given back and cleared away by the next agent where QEMU ended meanwhile', async () => {
    const { pid, generation } = answered(await stage.start());
    await stage.agent.kill();
    process.kill(pid, 'SIGKILL');
    await stage.agent.ensure();
    expect((await stage.show()).state).toBe('stopped');
    expect(await latestClaim(stage.vmFolder)).toMatchObject({ generation: BigInt(generation), released: true });
    await stopped(stage);
  });

  it('is as it was, and nobody waits for it, where the services are out at its start', async () => {
    await stage.service.daemon.kill();
    expect(await stage.start()).toMatchObject({ ok: false, fault: { code: 'outage' } });
    expect(await latestClaim(stage.vmFolder)).toMatchObject({ released: true });
    expect(existsSync(stage.runFolder)).toBe(false);
    await stage.service.daemon.ensure();
    expect(answered(await stage.start()).usedLastKnownGood).toBe(false);
    await stage.console.counts();
    await stopped(stage);
  });

  it('leaves no process and no folder', () => {
    expect(processesOf(stage.runFolders)).toEqual([]);
    expect(readdirSync(stage.runFolders)).toEqual([]);
  });
});
