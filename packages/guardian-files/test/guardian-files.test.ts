import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { createGuardian, exportGuardian } from '@sekimori/key-protector';
import { expectOk } from '@sekimori/result';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { guardianNamed, keepGuardian, knownGuardians, makeGuardian, ownGuardian } from '../src/index.ts';

const at = new Date('2026-11-28T00:00:00Z');
let home: string;
let folder: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'guardians-'));
  folder = join(home, 'guardians');
});
afterEach(() => rm(home, { recursive: true }));

describe('guardians in a folder', () => {
  it('are there again with the use of their keys, in files of their owner alone', async () => {
    const made = expectOk(await makeGuardian(folder, 'alice', at));
    expect(made).toMatchObject({ name: 'alice', own: true });
    const keys = expectOk(await ownGuardian(folder, 'alice'));
    expect(keys.guardian.fingerprint).toBe(made.guardian.fingerprint);
    for (const file of await readdir(join(folder, 'alice', 'keys')))
      expect((await stat(join(folder, 'alice', 'keys', file))).mode & 0o077).toBe(0);
  });

  it('have one name each: a taken one is not overwritten, also by two at once', async () => {
    const both = await Promise.all([makeGuardian(folder, 'alice', at), makeGuardian(folder, 'alice', at)]);
    expect(both.map((made) => (made.ok ? 'made' : made.fault.code)).toSorted()).toEqual(['guardian-exists', 'made']);
    expect(expectOk(await knownGuardians(folder))).toHaveLength(1);
  });

  it("keep others' public halves, and say that the keys are not here", async () => {
    const { keys } = await createGuardian(crypto, 'Fabric', at);
    expectOk(await keepGuardian(folder, 'fabric', await exportGuardian(crypto, keys)));
    expect(expectOk(await guardianNamed(folder, 'fabric'))).toMatchObject({ own: false });
    expect(await ownGuardian(folder, 'fabric')).toMatchObject({ fault: { code: 'guardian-not-own' } });
  });

  it.each(['', '.', '..', 'a/b', '../x', 'a b', 'x'.repeat(64)])('refuse the name %j', async (name) => {
    expect(await makeGuardian(folder, name, at)).toMatchObject({ fault: { code: 'guardian-name' } });
    expect(await guardianNamed(folder, name)).toMatchObject({ fault: { code: 'unknown-guardian' } });
  });

  it('say when a file is not what was written', async () => {
    const { file } = expectOk(await makeGuardian(folder, 'alice', at));
    await writeFile(file, '<Guardian/>');
    expect(await guardianNamed(folder, 'alice')).toMatchObject({ fault: { code: 'guardian-damaged' } });
  });
});
