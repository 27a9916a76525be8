import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '@sekimori/crypto-core';
import { expectOk } from '@sekimori/result';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  addOuterKey,
  createOuterDisk,
  inspectRawImage,
  keepOuterKey,
  luksPassphrase,
  opensWith,
} from '../src/index.ts';
import { inspectOuterDisk } from '../src/image.ts';
import { missing } from './programs.ts';

const MARKER = 'sekimori-marker-0c93';
const MIB = 1024 * 1024;

describe.skipIf(missing('qemu-img', 'cryptsetup'))('outer disks', () => {
  let folder: string;
  const file = (name: string) => join(folder, name);
  const key = new Secret(randomBytes(32));
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'luks-test-'));
    await writeFile(file('raw'), Buffer.alloc(3 * MIB, `${MARKER}\n`));
    await truncate(file('raw'), 9 * MIB); // and zeros, which must come back as zeros
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** By qemu-img and a key file: another way than ours. */
  async function decrypted(disk: string): Promise<Buffer> {
    await luksPassphrase(key).use((passphrase) => writeFile(file('key'), passphrase, { mode: 0o600 }));
    const image = `driver=luks,key-secret=k,file.driver=file,file.filename=${disk}`;
    const args = [
      'convert',
      '--object',
      `secret,id=k,file=${file('key')}`,
      '--image-opts',
      '-O',
      'raw',
      image,
      file('clear'),
    ];
    expect(spawnSync('qemu-img', args).stderr.toString()).toBe('');
    return readFile(file('clear'));
  }

  it('hold the content of the source, encrypted, for their owner alone', async () => {
    const source = await readFile(file('raw'));
    expect(await createOuterDisk({ source: file('raw'), target: file('disk'), key })).toEqual({
      ok: true,
      value: undefined,
    });
    expect(await readFile(file('raw'))).toEqual(source);
    const disk = await readFile(file('disk'));
    expect(disk.includes(MARKER)).toBe(false);
    expect(disk.subarray(2 * MIB).includes(Buffer.alloc(4096))).toBe(false); // zeros too
    expect((await stat(file('disk'))).mode & 0o777).toBe(0o600);
    expect(await inspectOuterDisk(file('disk'))).toEqual({
      ok: true,
      value: {
        size: 9 * MIB,
        payloadOffset: 2 * MIB,
        cipher: 'aes-256-xts-plain64',
        hash: 'sha256',
        activeKeySlots: [0],
        iterations: 1000,
      },
    });
    expect(await readdir(folder)).toEqual(['disk', 'raw']);
    expect(await decrypted(file('disk'))).toEqual(source);
  });

  it('open with their key and with no other', async () => {
    expectOk(await createOuterDisk({ source: file('raw'), target: file('disk'), key }));
    expect(await opensWith(file('disk'), key)).toEqual({ ok: true, value: true });
    expect(await opensWith(file('disk'), new Secret(randomBytes(32)))).toEqual({ ok: true, value: false });
    expect(await opensWith(file('raw'), key)).toMatchObject({ fault: { code: 'not-luks' } });
    expect(await opensWith(file('none'), key)).toMatchObject({ fault: { code: 'image-not-found' } });
  });

  it('take another key beside the first, and then only the other', async () => {
    const [next, foreign] = [new Secret(randomBytes(32)), new Secret(randomBytes(32))];
    const opened = async (...keys: Secret[]) =>
      (await Promise.all(keys.map((each) => opensWith(file('disk'), each)))).map(expectOk);
    expectOk(await createOuterDisk({ source: file('raw'), target: file('disk'), key }));
    expect(await addOuterKey(file('disk'), foreign, next)).toMatchObject({ fault: { code: 'cryptsetup-failed' } });
    expect(await opened(key, next)).toEqual([true, false]);
    expectOk(await addOuterKey(file('disk'), key, next));
    expect(await opened(key, next)).toEqual([true, true]);
    expect(await keepOuterKey(file('disk'), foreign)).toMatchObject({ fault: { code: 'cryptsetup-failed' } });
    expect(await opened(key, next)).toEqual([true, true]);
    expectOk(await keepOuterKey(file('disk'), next));
    expectOk(await keepOuterKey(file('disk'), next)); // again, as after a crash
    expect(await opened(key, next)).toEqual([false, true]);
    expect(expectOk(await inspectOuterDisk(file('disk'))).activeKeySlots).toEqual([1]);
  });

  it.each([
    ['its volume key', 164],
    ['a key slot', 212],
  ])('are not tried where the header asks for hours of work for %s', async (_, iterations) => {
    expectOk(await createOuterDisk({ source: file('raw'), target: file('disk'), key }));
    await using disk = await open(file('disk'), 'r+');
    await disk.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff), 0, 4, iterations);
    const refused = { fault: { code: 'not-luks' } };
    expect(await opensWith(file('disk'), key)).toMatchObject(refused);
    expect(await addOuterKey(file('disk'), key, new Secret(randomBytes(32)))).toMatchObject(refused);
    expect(await keepOuterKey(file('disk'), key)).toMatchObject(refused);
  });

  it('never take the place of a file, and leave nothing behind', async () => {
    await writeFile(file('disk'), 'precious');
    const outcome = await createOuterDisk({ source: file('raw'), target: file('disk'), key });
    expect(outcome).toMatchObject({ fault: { code: 'file-exists' } });
    expect(await readFile(file('disk'), 'utf8')).toBe('precious');
    expect(await readdir(folder)).toEqual(['disk', 'raw']);
  });

  it('are not made of a pipe, a folder, half a sector or nothing', async () => {
    spawnSync('mkfifo', [file('fifo')]);
    for (const source of ['fifo', '.', 'none'].map(file))
      expect(await createOuterDisk({ source, target: file('disk'), key })).toMatchObject({
        fault: { code: 'image-not-found' },
      });
    await writeFile(file('odd'), Buffer.alloc(1000));
    await writeFile(file('empty'), '');
    for (const source of ['odd', 'empty'].map(file))
      expect(await createOuterDisk({ source, target: file('disk'), key }), source).toMatchObject({
        fault: { code: 'not-raw' },
      });
    expect(await readdir(folder)).not.toContain('disk');
  });

  it.each(['qcow2', 'qcow', 'qed', 'vmdk', 'vhdx', 'vpc', 'vdi', 'parallels'])(
    'are not made of a %s image that somebody forgot to convert',
    async (format) => {
      expect(spawnSync('qemu-img', ['create', '-f', format, file('other'), '8M']).status).toBe(0);
      expect(await inspectRawImage(file('other'))).toMatchObject({ fault: { code: 'not-raw' } });
    },
  );

  it('a backing file named in the content is never opened', async () => {
    await writeFile(file('stolen'), Buffer.alloc(MIB, 'of the host'));
    spawnSync('qemu-img', ['create', '-f', 'qcow2', '-b', file('stolen'), '-F', 'raw', file('trap')]);
    const outcome = await createOuterDisk({ source: file('trap'), target: file('disk'), key });
    expect(outcome).toMatchObject({ fault: { code: 'not-raw' } });
  });

  it('show the key to no process list while they are made', async () => {
    const spellings = key.use((bytes) => [Buffer.from(bytes).toString('hex'), Buffer.from(bytes).toString('base64')]);
    const seen = new Map<string, string>();
    const done = new AbortController();
    const watching = (async () => {
      while (!done.signal.aborted) {
        for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name)))
          for (const part of ['cmdline', 'environ']) {
            const text = await readFile(`/proc/${pid}/${part}`, 'latin1').catch(() => '');
            if (/cryptsetup|qemu-img/.test(text)) seen.set(text, part);
            if (spellings.some((spelling) => text.includes(spelling))) seen.set('the key', text);
          }
      }
    })();
    for (const name of ['a', 'b', 'c'])
      expectOk(await createOuterDisk({ source: file('raw'), target: file(name), key }));
    done.abort();
    await watching;
    expect([...seen.keys()].some((text) => text.startsWith('/usr'))).toBe(true); // it looked at the right moment
    expect(seen.get('the key')).toBeUndefined();
    expect((await readdir(tmpdir())).filter((name) => /^luks-(?!test-)/.test(name))).toEqual([]);
  });
});
