import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '@sekimori/crypto-core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { luksPassphrase } from '../src/index.ts';
import { secretFifos } from '../src/secret-fifos.ts';

const KEY = Uint8Array.from({ length: 32 }, (_, index) => (index * 37) & 0xff);

it('the passphrase of a disk key is its hex digits', () => {
  const text = luksPassphrase(new Secret(KEY)).use((bytes) => Buffer.from(bytes).toString());
  expect(text).toBe(Buffer.from(KEY).toString('hex'));
  expect(text).toMatch(/^[0-9a-f]{64}$/);
});

it('a key of another length is a bug', () => {
  expect(() => luksPassphrase(new Secret(KEY.subarray(1)))).toThrow(RangeError);
});

describe.skipIf(process.platform !== 'linux')('a FIFO', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fifo-'));
  });
  afterEach(() => rm(folder, { recursive: true }));
  const never = new Promise<void>(() => {});

  it('gives each reader its secret and its end', async () => {
    const secrets = new Map(['a', 'b'].map((id) => [id, new Secret(new TextEncoder().encode(`secret ${id}`))]));
    const fifos = await secretFifos(folder, secrets);
    const fed = fifos.feed(never);
    for (const id of ['b', 'a']) expect(await readFile(fifos.files.get(id) ?? '', 'utf8')).toBe(`secret ${id}`);
    await fed;
    await fifos.remove();
    expect(await readdir(folder)).toEqual([]);
  });

  it('stops waiting when its reader has died', async () => {
    const fifos = await secretFifos(folder, new Map([['a', new Secret(KEY)]]));
    await fifos.feed(Promise.resolve());
    await fifos.remove();
  });

  it('stops waiting when its reader could not be started', async () => {
    const fifos = await secretFifos(folder, new Map([['a', new Secret(KEY)]]));
    await fifos.feed(Promise.reject(new Error('no such program')));
    await fifos.remove();
  });

  it('takes the place of one that an earlier start left', async () => {
    const secrets = new Map([['a', new Secret(new TextEncoder().encode('new'))]]);
    await secretFifos(folder, secrets);
    const fifos = await secretFifos(folder, secrets);
    const fed = fifos.feed(never);
    expect(await readFile(fifos.files.get('a') ?? '', 'utf8')).toBe('new');
    await fed;
  });
});
