import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { type Enrolment, fileHostState, type Health, openTlsIdentity } from '../src/index.ts';
import { readEnrolment, readHealth, writeEnrolment, writeHealth } from '../src/state/records.ts';
import { aFolder } from './support/folders.ts';

const at = new Date('2026-03-04T05:06:07.089Z');
const enrolment: Enrolment = {
  hostId: '8d2f0e52-6d4e-4b1c-9d0c-1f2e3d4c5b6a',
  name: 'node7',
  endorsementKey: { kind: 'rsa-2048', name: crypto.random(34), fingerprint: 'ab'.repeat(32) },
};
const health: Health = {
  certificate: {
    certificate: crypto.random(700),
    signer: crypto.random(500),
    pcrs: [0, 7, 11],
    notAfter: at,
    renewAfter: at,
    receivedAt: at,
    traceId: '0123',
  },
  attempt: { at, code: 'passed' },
};
const refused: Health = { attempt: { at, code: 'policy-denied', detail: 'no', subStatus: ['FullBoot'], traceId: '4' } };

describe('the records of a host', () => {
  it('are read as they were written', () => {
    expect(readEnrolment(writeEnrolment(enrolment))).toEqual({ ok: true, value: enrolment });
    for (const each of [health, refused]) expect(readHealth(writeHealth(each))).toEqual({ ok: true, value: each });
  });

  it.each([
    ['enrolment', writeEnrolment(enrolment), readEnrolment],
    ['health', writeHealth(health), readHealth],
  ] as const)('damaged: %s', (_, bytes, read: (bytes: Uint8Array) => { readonly ok: boolean }) => {
    // the newline at the end is no part of the value
    for (let length = 0; length < bytes.length - 1; length++) expect(read(bytes.subarray(0, length)).ok).toBe(false);
    for (let index = 0; index < bytes.length; index += 7) {
      const flipped = Uint8Array.from(bytes);
      flipped[index]! ^= 0x80;
      expect(read(flipped)).toMatchObject({ ok: false, fault: { code: 'state-damaged' } });
    }
    expect(read(Uint8Array.of(...bytes, 0x7d)).ok).toBe(false);
  });

  it.each([
    ['another version', { version: 2 }],
    ['an unknown field', { more: 1 }],
    ['no host', { hostId: '../../etc' }],
    ['no name', { name: '' }],
  ])('refused: %s', (_, change) => {
    const record: object = JSON.parse(new TextDecoder().decode(writeEnrolment(enrolment)));
    const bytes = new TextEncoder().encode(JSON.stringify({ ...record, ...change }));
    expect(readEnrolment(bytes)).toMatchObject({ fault: { code: 'state-damaged' } });
  });
});

describe('a state folder', () => {
  it('is not made by looking at it', async () => {
    const folder = join(await aFolder(), 'state');
    const state = expectOk(await fileHostState(folder));
    expect(expectOk(await state.enrolment())).toBeUndefined();
    expect(expectOk(await state.clientKey())).toBeUndefined();
    expect(expectOk(await state.health())).toBeUndefined();
    await expect(stat(folder)).rejects.toThrow('ENOENT');
  });

  it('keeps what was saved, in files that nobody else can read', async () => {
    const folder = join(await aFolder(), 'state');
    const state = expectOk(await fileHostState(folder));
    await state.saveEnrolment(enrolment);
    await state.saveHealth(health);
    await state.saveHealth(refused);
    const { key } = expectOk(await openTlsIdentity({ crypto, state, clock: { now: () => at } }));
    const again = expectOk(await fileHostState(folder));
    expect(expectOk(await again.enrolment())).toEqual(enrolment);
    expect(expectOk(await again.health())).toEqual(refused);
    expect(bytesOf(expectOk(await again.clientKey())!)).toEqual(bytesOf(key));
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const modes = new Map<string, number>();
    for (const { name, parentPath } of entries) modes.set(name, (await stat(join(parentPath, name))).mode & 0o777);
    expect(Object.fromEntries(modes)).toEqual({
      services: 0o700,
      default: 0o700,
      'health.json': 0o600,
      'host.json': 0o600,
      'tls-client.key': 0o600,
    });
  });

  it('holds one client key, also with two makers at once', async () => {
    const state = expectOk(await fileHostState(join(await aFolder(), 'state')));
    const deps = { crypto, state, clock: { now: () => at } };
    const made = await Promise.all([openTlsIdentity(deps), openTlsIdentity(deps), openTlsIdentity(deps)]);
    const keys = new Set(made.map((each) => bytesOf(expectOk(each).key).join()));
    expect(keys.size).toBe(1);
  });

  it('survives a crash in the middle of writing', async () => {
    const folder = join(await aFolder(), 'state');
    const state = expectOk(await fileHostState(folder));
    await state.saveHealth(health);
    const own = join(folder, 'services', 'default');
    // what a process leaves behind that dies before its file takes the name
    await writeFile(join(own, '.unfinished-0000'), (await readFile(join(own, 'health.json'))).subarray(0, 99));
    expect(expectOk(await expectOk(await fileHostState(folder)).health())).toEqual(health);
    await state.saveHealth(refused);
    expect(expectOk(await state.health())).toEqual(refused);
  });

  it('keeps each attestation service apart, and one client key for all', async () => {
    const folder = join(await aFolder(), 'state');
    const [first, second] = [expectOk(await fileHostState(folder)), expectOk(await fileHostState(folder, 'second'))];
    await first.saveEnrolment(enrolment);
    expect(expectOk(await second.enrolment())).toBeUndefined();
    await second.saveHealth(refused);
    expect(expectOk(await first.health())).toBeUndefined();
    const key = new Secret(Uint8Array.of(1, 2, 3));
    expectOk(await first.saveClientKey(key));
    expect(bytesOf(expectOk(await second.clientKey())!)).toEqual(bytesOf(key));
    await expect(fileHostState(folder, '../other')).rejects.toThrow('no name of an attestation service');
  });

  it('reads what an earlier version kept of its one service, until that is written anew', async () => {
    const folder = join(await aFolder(), 'state');
    await mkdir(folder, { mode: 0o700 });
    await writeFile(join(folder, 'host.json'), writeEnrolment(enrolment), { mode: 0o600 });
    const state = expectOk(await fileHostState(folder));
    expect(expectOk(await state.enrolment())).toEqual(enrolment);
    expect(expectOk(await expectOk(await fileHostState(folder, 'second')).enrolment())).toBeUndefined();
    await state.saveEnrolment({ ...enrolment, name: 'node8' });
    expect(expectOk(await state.enrolment())?.name).toBe('node8');
  });

  it('is refused when others have access', async () => {
    const folder = join(await aFolder(), 'state');
    const state = expectOk(await fileHostState(folder));
    await state.saveEnrolment(enrolment);
    await chmod(join(folder, 'services', 'default', 'host.json'), 0o640);
    expect(await state.enrolment()).toMatchObject({ fault: { code: 'state-unreadable' } });
    await chmod(folder, 0o755);
    expect(await fileHostState(folder)).toMatchObject({ fault: { code: 'state-unreadable' } });
  });

  it('does not follow a link for the client key, nor take what is no key', async () => {
    const folder = await aFolder();
    const elsewhere = join(folder, 'key');
    await writeFile(elsewhere, 'no key', { mode: 0o600 });
    const linked = join(folder, 'linked');
    await mkdir(linked, { mode: 0o700 });
    await symlink(elsewhere, join(linked, 'tls-client.key'));
    const state = expectOk(await fileHostState(linked));
    expect(await state.clientKey()).toMatchObject({ fault: { code: 'state-unreadable' } });
    const other = expectOk(await fileHostState(join(folder, 'other')));
    expectOk(await other.saveClientKey(new Secret(Uint8Array.of(1, 2, 3))));
    const opened = await openTlsIdentity({ crypto, state: other, clock: { now: () => at } });
    expect(opened).toMatchObject({ fault: { code: 'state-damaged' } });
  });
});

const bytesOf = (secret: Secret): Uint8Array => secret.use((bytes) => Uint8Array.from(bytes));
