import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { openAttestationStore, openKeyProtectionStore } from '../src/index.ts';
import { openNodeSqlite } from '../src/node-sqlite.ts';
import { aFile } from './files.ts';

const attestation = (file: string) => openAttestationStore({ file, crypto: nodeCrypto });
const keyProtection = (file: string) => openKeyProtectionStore({ file, crypto: nodeCrypto });
const faultOf = (code: string) => ({ ok: false, fault: { code } });
const draft = { at: new Date(0), kind: 'a.b', actor: 'a', subject: 's', body: null };

function edit(file: string, statements: string): void {
  const raw = new DatabaseSync(file);
  raw.exec(statements);
  raw.close();
}

describe('the database file', () => {
  it.skipIf(process.platform === 'win32')('is private from birth, with its companions, whatever the umask', () => {
    const file = aFile();
    const script = `
      import { readdirSync, statSync } from 'node:fs';
      import { dirname, join } from 'node:path';
      import { nodeCrypto } from '@sekimori/crypto-core/node';
      import { openAttestationStore } from '${new URL('../src/index.ts', import.meta.url).href}';
      process.umask(0);
      const file = process.argv[1];
      const { ok, value } = await openAttestationStore({ file, crypto: nodeCrypto });
      await value.appendAudit([{ at: new Date(0), kind: 'a.b', actor: 'a', subject: 's', body: null }]);
      const mode = (each) => (statSync(each).mode & 0o777).toString(8);
      for (const name of readdirSync(dirname(file))) console.log(name, mode(join(dirname(file), name)));
      console.log('.', mode(dirname(file)));
      await value.close();`;
    const cwd = new URL('..', import.meta.url).pathname;
    const options = ['--conditions=@sekimori/source', '--input-type=module', '--eval', script, file];
    const { stdout, stderr } = spawnSync(process.execPath, options, { cwd, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n')).toEqual(['store.db 600', 'store.db-shm 600', 'store.db-wal 600', '. 700']);
  });

  it.skipIf(process.platform === 'win32')('is refused when others may read it', async () => {
    const file = aFile();
    await expectOk(await attestation(file)).close();
    chmodSync(file, 0o640);
    expect(await attestation(file)).toMatchObject(faultOf('database-exposed'));
    chmodSync(file, 0o600);
    writeFileSync(`${file}-wal`, '', { mode: 0o604 });
    chmodSync(`${file}-wal`, 0o604);
    expect(await attestation(file)).toMatchObject(faultOf('database-exposed'));
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it.skipIf(process.platform === 'win32').each<[string, (file: string) => void]>([
    ['is a link', (file) => symlinkSync(join(dirname(file), 'elsewhere.db'), file)],
    ['is a pipe', (file) => execFileSync('mkfifo', ['-m', '600', file])],
    ['has a link beside it', (file) => symlinkSync('/dev/null', `${file}-wal`)],
    ['is in a folder that others may write', (file) => chmodSync(dirname(file), 0o777)],
    ['is in a folder that the group may read', (file) => chmodSync(dirname(file), 0o750)],
  ])('is refused when it %s', async (_, make) => {
    const file = aFile();
    mkdirSync(dirname(file), { mode: 0o700 });
    make(file);
    expect(await attestation(file)).toMatchObject(faultOf('database-exposed'));
  });

  it.skipIf(process.getuid?.() !== 0)('is refused when it, or its folder, is another user’s', async () => {
    const [file, other] = [aFile(), aFile()];
    for (const each of [file, other]) mkdirSync(dirname(each), { mode: 0o700 });
    writeFileSync(file, '', { mode: 0o600 });
    chownSync(file, 65_534, 65_534);
    expect(await attestation(file)).toMatchObject(faultOf('database-exposed'));
    chownSync(dirname(other), 65_534, 65_534);
    expect(await attestation(other)).toMatchObject(faultOf('database-exposed'));
  });

  it('syncs each commit, checks references, and refuses strings in double quotes', () => {
    const file = aFile();
    mkdirSync(dirname(file));
    const database = openNodeSqlite(file);
    const pragma = (name: string) => Object.values(database.prepare(`pragma ${name}`).all([])[0] as object)[0];
    expect([pragma('journal_mode'), pragma('synchronous'), pragma('foreign_keys')]).toEqual(['wal', 2, 1]);
    expect(() => database.prepare('select "no column"')).toThrow('no such column');
    database.close();
  });

  it('leaves one file when it is closed', async () => {
    const file = aFile();
    const store = expectOk(await attestation(file));
    await store.appendAudit([draft]);
    await store.close();
    await store.close();
    expect(readdirSync(dirname(file))).toEqual(['store.db']);
    await expect(store.appendAudit([draft])).rejects.toThrow('closed');
  });

  it('holds what was written when it is opened again', async () => {
    const file = aFile();
    const store = expectOk(await attestation(file));
    await store.appendAudit([draft]);
    const head = await store.auditHead();
    await store.close();
    const again = expectOk(await attestation(file));
    expect(await again.auditHead()).toEqual(head);
    await again.close();
  });
});

describe('a schema that is not ours', () => {
  it('of a newer release is refused and left alone', async () => {
    const file = aFile();
    await expectOk(await attestation(file)).close();
    edit(file, "insert into schema_migration values (2, 'later', 'ff', 0)");
    expect(await attestation(file)).toMatchObject(faultOf('database-newer'));
  });

  it.each([
    ['a changed migration', "update schema_migration set checksum = 'ff'"],
    ['a migration left out', 'update schema_migration set number = 2'],
  ])('is refused: %s', async (_, statement) => {
    const file = aFile();
    await expectOk(await attestation(file)).close();
    edit(file, statement);
    expect(await attestation(file)).toMatchObject(faultOf('database-foreign'));
  });

  it('is refused: the other service’s, another program’s, no database at all', async () => {
    const file = aFile();
    await expectOk(await attestation(file)).close();
    expect(await keyProtection(file)).toMatchObject(faultOf('database-foreign'));
    await expectOk(await attestation(file)).close();
    const theirs = join(dirname(file), 'theirs.db');
    writeFileSync(theirs, '', { mode: 0o600 });
    edit(theirs, 'create table bookmark (url text)');
    expect(await attestation(theirs)).toMatchObject(faultOf('database-foreign'));
    const text = join(dirname(file), 'notes.txt');
    writeFileSync(text, 'not a database, but long enough to be looked at '.repeat(100), { mode: 0o600 });
    expect(await attestation(text)).toMatchObject(faultOf('database-foreign'));
  });

  it('rejects where there can be no file', async () => {
    const file = aFile();
    mkdirSync(file, { recursive: true, mode: 0o700 });
    await expect(attestation(file)).rejects.toThrow('EISDIR');
  });
});
