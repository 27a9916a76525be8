import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '@sekimori/bytes';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { readPublic, Tpm, WELL_KNOWN } from '@sekimori/tpm2';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createSwtpmState, reencryptSwtpmState, startSwtpm, SwtpmStateError } from '../src/swtpm.ts';
import { writeSwtpmState } from '../src/swtpm-control.ts';
import { missing } from './programs.ts';

const key = (byte: number) => new Secret(new Uint8Array(32).fill(byte));

describe.skipIf(missing('swtpm', 'swtpm_setup'))('the state of a swtpm, under another key', () => {
  let folder: string;
  const [old, fresh] = ['old', 'fresh'] as const;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'reencrypt-'));
    for (const name of [old, fresh, 'other']) await mkdir(join(folder, name), { mode: 0o700 });
    await createSwtpmState({ stateDir: join(folder, old), stateKey: key(1) });
  });
  afterAll(() => rm(folder, { recursive: true }));
  const nameOfEk = async (name: string, stateKey: Secret) => {
    const swtpm = await startSwtpm({ stateDir: join(folder, name), stateKey });
    try {
      return toHex(
        expectOk(await readPublic(new Tpm(await swtpm.open(), nodeCrypto), WELL_KNOWN.rsa2048EndorsementKey)).name,
      );
    } finally {
      await swtpm.stop();
    }
  };

  it('is the same TPM, which its old key opens no more', async () => {
    const before = await nameOfEk(old, key(1));
    await reencryptSwtpmState({
      stateDir: join(folder, old),
      stateKey: key(1),
      target: join(folder, fresh),
      newStateKey: key(2),
    });
    expect(await nameOfEk(fresh, key(2))).toBe(before);
    await expect(nameOfEk(fresh, key(1))).rejects.toThrow(SwtpmStateError);
    const [one, two] = await Promise.all([old, fresh].map((name) => readFile(join(folder, name, 'tpm2-00.permall'))));
    expect(two?.equals(one!)).toBe(false);
    expect(await nameOfEk(old, key(1))).toBe(before); // and the old one is as it was
  });

  it('is not made where the old key is wrong', async () => {
    const target = join(folder, 'other');
    await expect(
      reencryptSwtpmState({ stateDir: join(folder, old), stateKey: key(3), target, newStateKey: key(2) }),
    ).rejects.toThrow(SwtpmStateError);
    expect(await readdir(target)).not.toContain('tpm2-00.permall');
  });

  it('is not waited for where swtpm was ended by a signal', async () => {
    const programs = join(folder, 'programs');
    await mkdir(programs);
    await writeFile(join(programs, 'swtpm'), '#!/bin/sh\nkill -9 $$\n', { mode: 0o755 });
    vi.stubEnv('PATH', programs);
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(
      reencryptSwtpmState({
        stateDir: join(folder, old),
        stateKey: key(1),
        target: join(folder, 'other'),
        newStateKey: key(2),
      }),
    ).rejects.toThrow('swtpm ended with SIGKILL');
  });

  it('is handed over whole, however large', async () => {
    const state = new Uint8Array(1024 * 1024).fill(7);
    let got = 0;
    const server = createServer((socket) =>
      socket.on('data', (chunk) => {
        got += chunk.length;
        if (got === 16 + state.length) socket.end(Uint8Array.of(0, 0, 0, 0));
      }),
    ).listen(join(folder, 'control'));
    onTestFinished(() => void server.close());
    await writeSwtpmState({ path: join(folder, 'control') }, state);
  });
});
