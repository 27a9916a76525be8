import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { takeStorageLock } from '../../src/vm/folder/lock.ts';
import { aVmFolder } from './support.ts';

describe("the storage's lock of a VM", () => {
  it('is held once, and again after it was released', async () => {
    const folder = await aVmFolder();
    const lock = (await takeStorageLock(folder))!;
    expect(await takeStorageLock(folder)).toBeUndefined();
    await lock.release();
    const again = await takeStorageLock(folder);
    expect(again).toBeDefined();
    await again?.release();
  });

  it('lives as long as a process that inherited it, though the one that took it is gone', async () => {
    const folder = await aVmFolder();
    const lock = (await takeStorageLock(folder))!;
    const heir = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', lock.fd] });
    await lock.release();
    expect(await takeStorageLock(folder)).toBeUndefined();
    heir.kill('SIGKILL');
    await once(heir, 'exit');
    const next = await takeStorageLock(folder);
    expect(next).toBeDefined();
    await next?.release();
  });
});
