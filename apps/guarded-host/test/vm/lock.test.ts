import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { lockFile } from '../../src/flock.ts';
import { claim, releaseClaim, vmLocked } from '../../src/vm/folder/claim.ts';
import { vmPaths } from '../../src/vm/folder/layout.ts';
import { aVmFolder } from './support/vm-folder.ts';

describe("the storage's lock of a VM", () => {
  it('is held once, and again after it was released', async () => {
    const folder = await aVmFolder();
    const lock = (await lockFile(vmPaths(folder).lock))!;
    expect(await lockFile(vmPaths(folder).lock)).toBeUndefined();
    await lock.close();
    const again = await lockFile(vmPaths(folder).lock);
    expect(again).toBeDefined();
    await again?.close();
  });

  it('is told of with the host that has the VM, as far as its claims tell', async () => {
    const folder = await aVmFolder();
    const told = async () => (await vmLocked(folder)).fault.detail;
    expect(await told()).toBe('somebody works on this VM');
    const at = new Date('2026-06-01T00:00:00Z');
    const claimant = { machine: 'machine-a', boot: 'boot-a', host: 'a' };
    const generation = expectOk(await claim(folder, claimant, { atLeast: 0n, fenced: false, leaseMillis: 0, at }));
    expect(await told()).toBe(`a has it, since ${at.toISOString()}`);
    await releaseClaim(folder, generation);
    expect(await told()).toBe('somebody works on this VM');
  });

  it('lives as long as a process that inherited it, though the one that took it is gone', async () => {
    const folder = await aVmFolder();
    const lock = (await lockFile(vmPaths(folder).lock))!;
    const heir = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', lock.fd] });
    await lock.close();
    expect(await lockFile(vmPaths(folder).lock)).toBeUndefined();
    heir.kill('SIGKILL');
    await once(heir, 'exit');
    const next = await lockFile(vmPaths(folder).lock);
    expect(next).toBeDefined();
    await next?.close();
  });
});
