import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { identify, isAlive, type Isolation, isolationGaps, kill, readIsolation } from '../src/process.ts';
import { runProgram } from '../src/tools.ts';

describe.skipIf(process.platform !== 'linux')('a process', () => {
  it('is told from a later one with its number, and is not ended in its place', async () => {
    const child = spawn('sleep', ['60']);
    const identity = await identify(child.pid ?? 0);
    expect(identity?.startTime).toMatch(/^\d+$/);
    const before = { pid: child.pid ?? 0, startTime: '1' };
    expect(await isAlive(before)).toBe(false);
    expect(await kill(before)).toBe(false);
    expect(child.exitCode ?? child.signalCode).toBeNull();
    expect(await kill(identity!)).toBe(true);
    await once(child, 'exit');
    expect(await isAlive(identity!)).toBe(false);
  });

  it('that has a name with brackets and spaces is read all the same', async () => {
    const child = spawn(process.execPath, [
      '-e',
      "process.title = 'a) Z (b 1 2'; console.log(1); setInterval(() => {}, 1000)",
    ]);
    await once(child.stdout, 'data');
    expect(await identify(child.pid ?? 0)).toMatchObject({ pid: child.pid });
    child.kill();
  });

  it('that does not end in its time is ended, and that is told', async () => {
    const ran = await runProgram('sleep', ['600'], { timeoutMillis: 20 });
    expect(ran).toEqual({ status: undefined, stdout: '', stderr: 'sleep was ended by SIGKILL' });
  });

  it('that was started without care has gaps', async () => {
    const gaps = isolationGaps(await readIsolation(process.pid), undefined);
    expect(gaps).toContain('its system calls are not filtered');
    expect(isolationGaps(await readIsolation(2 ** 30), undefined)).toEqual(['it cannot be seen in /proc']);
  });
});

const GOOD: Isolation = {
  uid: 7,
  gid: 8,
  dumpable: false,
  coreLimitZero: true,
  coreFilterZero: true,
  noNewPrivileges: true,
  seccomp: true,
  capabilities: false,
};

it.each<[Partial<Isolation>, string]>([
  [{ uid: 0 }, 'it runs as 0:8'],
  [{ gid: 0 }, 'it runs as 7:0'],
  [{ dumpable: true }, 'others of its user can read its memory'],
  [{ coreLimitZero: false }, 'it may write a core file'],
  [{ coreFilterZero: false }, 'its memory would be in a core file'],
  [{ noNewPrivileges: false }, 'it can gain privileges'],
  [{ seccomp: false }, 'its system calls are not filtered'],
  [{ capabilities: true }, 'it has capabilities'],
])('a gap in the isolation is noticed: %j', (change, words) => {
  expect(isolationGaps(GOOD, { uid: 7, gid: 8 })).toEqual([]);
  expect(isolationGaps({ ...GOOD, ...change }, { uid: 7, gid: 8 })).toEqual([words]);
});
