import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '@sekimori/bytes';
import { Secret } from '@sekimori/crypto-core';
import { parseKeyName } from '@sekimori/hsm';
import { keyFilesContract } from '@sekimori/hsm/contract';
import { expectOk } from '@sekimori/result';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileKeyFiles, privateFolder, readPrivateFile, writePrivateFile } from '../src/index.ts';

const root = await mkdtemp(join(tmpdir(), 'sekimori-files-'));
afterAll(() => rm(root, { recursive: true }));
let count = 0;
const freshPath = (): string => join(root, `f${count++}`);
const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
const textOf = (secret: Secret): string => secret.use((bytes) => new TextDecoder().decode(bytes));

let umask: number;
beforeAll(() => {
  umask = process.umask(0); // the worst one: what is private then is so by our own doing
});
afterAll(() => void process.umask(umask));

describe('a private file', () => {
  it('is 0600 from birth, and its folder 0700', async () => {
    const folder = join(freshPath(), 'deeper');
    expectOk(await privateFolder(folder));
    const path = join(folder, 'secret');
    expectOk(await writePrivateFile(path, new Secret(utf8('hush'))));
    expect([await modeOf(folder), await modeOf(join(folder, '..')), await modeOf(path)]).toEqual([0o700, 0o700, 0o600]);
    expect(textOf(expectOk(await readPrivateFile(path)))).toBe('hush');
    expect(await readdir(folder)).toEqual(['secret']);
  });
  it('is not written over unless told', async () => {
    const path = freshPath();
    expectOk(await writePrivateFile(path, utf8('one')));
    expect(await writePrivateFile(path, utf8('two'))).toMatchObject({ ok: false, fault: { code: 'file-exists' } });
    expect(await readFile(path, 'utf8')).toBe('one');
    expectOk(await writePrivateFile(path, utf8('two'), { replace: true }));
    expect(await readFile(path, 'utf8')).toBe('two');
    expect(await modeOf(path)).toBe(0o600);
    expect((await readdir(root)).filter((name) => name.startsWith('.'))).toEqual([]);
  });
  it('replaces a link itself, never what it points to', async () => {
    const [target, link] = [freshPath(), freshPath()];
    await writeFile(target, 'target', { mode: 0o600 });
    await symlink(target, link);
    expect((await writePrivateFile(link, utf8('x'))).ok).toBe(false);
    expectOk(await writePrivateFile(link, utf8('x'), { replace: true }));
    expect(await readFile(target, 'utf8')).toBe('target');
  });
  it.each<readonly [string, string, (path: string) => Promise<unknown>]>([
    ['is not there', 'no-such-file', async () => undefined],
    ['the group may read', 'unsafe-file', (path) => writeFile(path, 'x').then(() => chmod(path, 0o640))],
    ['others may write', 'unsafe-file', (path) => writeFile(path, 'x').then(() => chmod(path, 0o602))],
    [
      'is a link',
      'unsafe-file',
      (path) => writeFile(`${path}-target`, 'x', { mode: 0o600 }).then(() => symlink(`${path}-target`, path)),
    ],
    ['is a folder', 'unsafe-file', (path) => mkdir(path, { mode: 0o700 })],
    ['is a pipe', 'unsafe-file', async (path) => execFileSync('mkfifo', ['-m', '600', path])],
    ['is too large', 'file-too-large', (path) => writeFile(path, 'x'.repeat(11), { mode: 0o600 })],
  ])('that %s is not read', async (_, code, make) => {
    const path = freshPath();
    await make(path);
    expect(await readPrivateFile(path, { maxBytes: 10 })).toMatchObject({ ok: false, fault: { code } });
  });
  it('needs a folder that is private', async () => {
    const [open, file, link] = [freshPath(), freshPath(), freshPath()];
    await mkdir(open, { mode: 0o750 });
    await symlink(open, link);
    for (const path of [open, link])
      expect(await privateFolder(path)).toMatchObject({ fault: { code: 'unsafe-folder' } });
    await writeFile(file, '');
    await expect(privateFolder(file)).rejects.toThrow('EEXIST');
    await expect(fileKeyFiles(open)).rejects.toThrow('open to other users');
  });
});

keyFilesContract('files', () => fileKeyFiles(freshPath()));

describe('key files', () => {
  it('outlive the process that wrote them, and ignore what is no key', async () => {
    const folder = freshPath();
    const name = expectOk(parseKeyName('log-key'));
    await (await fileKeyFiles(folder)).writeNew(name, new Secret(utf8('k')));
    await writeFile(join(folder, '.unfinished-00'), '', { mode: 0o600 });
    await writeFile(join(folder, 'Other.key'), '', { mode: 0o600 });
    const again = await fileKeyFiles(folder);
    expect(await again.list()).toEqual([name]);
    expect(textOf((await again.read(name)) as Secret)).toBe('k');
    expect(await modeOf(join(folder, 'log-key.key'))).toBe(0o600);
  });
  it('rejects a file that was opened to others', async () => {
    const folder = freshPath();
    const name = expectOk(parseKeyName('k'));
    const files = await fileKeyFiles(folder);
    await files.writeNew(name, new Secret(utf8('k')));
    await chmod(join(folder, 'k.key'), 0o644);
    await expect(files.read(name)).rejects.toThrow('open to other users');
  });
});
