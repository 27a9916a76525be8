import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { beat, claim, type Claimant, latestClaim, releaseClaim, stillOurs } from '../../src/vm/folder/claim.ts';
import { aVmFolder } from './support/vm-folder.ts';

const hostA: Claimant = { machine: 'machine-a', boot: 'boot-a1', host: 'a' };
const hostB: Claimant = { machine: 'machine-b', boot: 'boot-b1', host: 'b' };
const at = new Date('2026-11-28T00:00:00Z');
const options = { atLeast: 0n, fenced: false, leaseMillis: 60, at };
const held = { fault: { code: 'vm-held-elsewhere' } };
const fenced = { fault: { code: 'vm-fenced' } };

describe('the claim on a VM', () => {
  it('has a number that grows with each holder', async () => {
    const folder = await aVmFolder();
    expect(expectOk(await claim(folder, hostA, options))).toBe(1n);
    await releaseClaim(folder, 1n);
    expect(await latestClaim(folder)).toMatchObject({ host: 'a', generation: 1n, released: true });
    expect(expectOk(await claim(folder, hostB, options))).toBe(2n);
    expect(await latestClaim(folder)).toMatchObject({ host: 'b', generation: 2n, released: false });
    // never below what the folder has already
    await releaseClaim(folder, 2n);
    expect(expectOk(await claim(folder, hostA, { ...options, atLeast: 9n }))).toBe(10n);
  });

  it('is given to one of two that ask at the same moment', async () => {
    const folder = await aVmFolder();
    const both = await Promise.all([claim(folder, hostA, options), claim(folder, hostB, options)]);
    const given = both.flatMap((result) => (result.ok ? [result.value] : []));
    expect(new Set(given).size).toBe(given.length); // one, or one after the other took its turn and lost its lease
    expect((await latestClaim(folder))?.generation).toBe(given.at(-1));
  });

  it('is not taken from a host that lives', async () => {
    const folder = await aVmFolder();
    expectOk(await claim(folder, hostA, options));
    const beating = setInterval(() => void beat(folder, 1n).catch(() => {}), 10);
    expect(await claim(folder, hostB, { ...options, leaseMillis: 600 })).toMatchObject(held);
    clearInterval(beating);
    expect(expectOk(await stillOurs(folder, 1n))).toBeUndefined();
  });

  it('is taken from a dead host after its lease, which then must not write', async () => {
    const folder = await aVmFolder();
    expectOk(await claim(folder, hostA, options));
    expect(expectOk(await claim(folder, hostB, options))).toBe(2n);
    expect(await stillOurs(folder, 1n)).toMatchObject(fenced);
    await beat(folder, 1n); // the dead one goes on beating
    expect(await latestClaim(folder)).toMatchObject({ host: 'b', generation: 2n });
    expect(expectOk(await stillOurs(folder, 2n))).toBeUndefined();
  });

  it('is taken at once where somebody answers for the other host being fenced', async () => {
    const folder = await aVmFolder();
    expectOk(await claim(folder, hostA, options));
    const beating = setInterval(() => void beat(folder, 1n).catch(() => {}), 10);
    const taken = await claim(folder, hostB, { ...options, leaseMillis: 60_000, fenced: true });
    clearInterval(beating);
    expect(expectOk(taken)).toBe(2n);
  });

  it('is taken anew at once on the machine itself, whose own lock has told that nobody runs it', async () => {
    const folder = await aVmFolder();
    expectOk(await claim(folder, hostA, options));
    const again = await claim(folder, hostA, { ...options, leaseMillis: 60_000 });
    expect(expectOk(again)).toBe(2n);
  });

  it('is waited for after the machine started anew, and where another machine has its name', async () => {
    const folder = await aVmFolder();
    expectOk(await claim(folder, hostA, options));
    const beating = setInterval(() => void beat(folder, 1n).catch(() => {}), 10);
    expect(await claim(folder, { ...hostA, boot: 'boot-a2' }, { ...options, leaseMillis: 600 })).toMatchObject(held);
    clearInterval(beating);
  });

  it('writes through no link, and reads no pipe', async () => {
    const folder = await aVmFolder();
    expectOk(await claim(folder, hostA, options));
    const victim = join(folder, 'victim');
    await writeFile(victim, 'precious');
    const at1 = (name: string) => join(folder, 'claims', name);
    await rm(at1('0000000001.beat'));
    for (const name of ['0000000001.beat', '0000000001.released', '0000000002.beat']) await symlink(victim, at1(name));
    await beat(folder, 1n);
    await releaseClaim(folder, 1n);
    expect(expectOk(await claim(folder, hostB, options))).toBe(2n);
    expect(await readFile(victim, 'utf8')).toBe('precious');
    execFileSync('mkfifo', [at1('0000000009')]);
    expect(await latestClaim(folder)).toMatchObject({ generation: 9n, host: 'unknown' });
  });

  it('goes into no folder that a link leads to', async () => {
    const folder = await aVmFolder();
    const elsewhere = join(folder, 'elsewhere');
    await mkdir(elsewhere);
    await symlink(elsewhere, join(folder, 'claims'));
    await expect(claim(folder, hostA, options)).rejects.toThrow(/ELOOP|ENOTDIR/);
    expect(await readdir(elsewhere)).toEqual([]);
  });

  it('has an end of its numbers, and says so', async () => {
    const folder = await aVmFolder();
    expectOk(await claim(folder, hostA, options));
    await writeFile(join(folder, 'claims', '9999999999'), '', { mode: 0o600 });
    await writeFile(join(folder, 'claims', '18446744073709551615'), '', { mode: 0o600 });
    expect(await claim(folder, hostA, options)).toMatchObject({ fault: { code: 'vm-claims-damaged' } });
    await rm(join(folder, 'claims', '9999999999'));
    expect(expectOk(await claim(folder, hostA, options))).toBe(2n);
  });

  it('that says nothing is waited for as that of another host', async () => {
    const folder = await aVmFolder();
    expectOk(await claim(folder, hostA, options));
    await writeFile(join(folder, 'claims', '0000000001'), '{');
    expect(await latestClaim(folder)).toMatchObject({ generation: 1n, host: 'unknown' });
    expect(expectOk(await claim(folder, hostA, options))).toBe(2n);
  });

  it('leaves no file of one that a crash cut short, before or after it appeared', async () => {
    const folder = await aVmFolder();
    expectOk(await claim(folder, hostA, options));
    for (const name of ['.unfinished-0000000001-boot-a1-7', '.unfinished-0000000002-boot-a1-8'])
      await writeFile(join(folder, 'claims', name), '');
    expect(expectOk(await claim(folder, hostA, options))).toBe(2n);
    expect((await readdir(join(folder, 'claims'))).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('leaves no files of claims long past', async () => {
    const folder = await aVmFolder();
    for (let n = 1n; n <= 5n; n++) {
      expect(expectOk(await claim(folder, hostA, options))).toBe(n);
      await releaseClaim(folder, n);
    }
    expect((await readdir(join(folder, 'claims'))).map((name) => name.split('.')[0])).not.toContain('0000000003');
  });
});
