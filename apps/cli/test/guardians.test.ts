import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { aServedFolder, freshPath, sekimori, sekimoriJson } from './support.ts';

/** A tenant without services, and a hoster with. */
let tenant: string;
let hoster: Awaited<ReturnType<typeof aServedFolder>>;
let alice: { readonly fingerprint: string; readonly file: string };
let fabric: string;

beforeAll(async () => {
  tenant = freshPath();
  hoster = await aServedFolder();
  alice = (await sekimoriJson(['--data', tenant, 'guardian', 'new', 'alice']))[1];
  fabric = (await sekimoriJson(['--data', hoster.data, 'status']))[1].keyProtection.guardian.fingerprint;
});

const asTenant = (...args: readonly string[]) => sekimoriJson(['--data', tenant, ...args]);
const file = (name: string) => join(dirname(tenant), name);

describe('guardian', () => {
  it('keeps private keys for their owner alone', () => {
    expect(statSync(join(tenant, 'guardians', 'alice', 'keys', 'signing.key')).mode & 0o777).toBe(0o600);
    expect(statSync(join(tenant, 'guardians', 'alice')).mode & 0o777).toBe(0o700);
  });

  it('is not made twice, nor under a name that is a path', async () => {
    expect(await asTenant('guardian', 'new', 'alice')).toMatchObject([1, { fault: { code: 'guardian-exists' } }]);
    for (const name of ['../alice', 'a/b', '.hidden', 'a'.repeat(64)])
      expect(await asTenant('guardian', 'new', name)).toMatchObject([1, { fault: { code: 'guardian-name' } }]);
  });

  it('is imported from a key protection service only with the fingerprint that was confirmed', async () => {
    const { keyProtectionUrl, caFile } = hoster.services;
    const from = ['guardian', 'import', 'fabric', '--from', keyProtectionUrl, '--ca', caFile];
    expect(await asTenant(...from)).toMatchObject([
      1,
      { fault: { code: 'fingerprint-missing', detail: expect.stringContaining(fabric) } },
    ]);
    expect(await asTenant(...from, '--fingerprint', 'a'.repeat(64))).toMatchObject([
      1,
      { fault: { code: 'fingerprint-mismatch' } },
    ]);
    const shown = fabric.toUpperCase().replaceAll(/..(?=.)/g, '$&:');
    expect(await asTenant(...from, '--fingerprint', shown)).toMatchObject([0, { own: false, fingerprint: fabric }]);
    expect(await asTenant(...from, '--fingerprint', fabric)).toMatchObject([1, { fault: { code: 'guardian-exists' } }]);
  });

  it('is asked about where there is a terminal, and only yes is yes', async () => {
    const args = ['--data', tenant, 'guardian', 'import', 'asked', '--from', alice.file];
    expect(await sekimori(args, { ask: async () => 'y' })).toMatchObject({ status: 1 });
    expect(await sekimori(args, { ask: async () => 'yes' })).toMatchObject({ status: 0 });
  });

  it('is not fetched without the CA, over plain HTTP, or from another CA', async () => {
    const from = (address: string, ...more: readonly string[]) =>
      asTenant('guardian', 'import', 'x', '--from', address, '--fingerprint', fabric, ...more);
    const { keyProtectionUrl, caFile } = hoster.services;
    expect(await from(keyProtectionUrl)).toMatchObject([2, { fault: { code: 'usage' } }]);
    expect(await from(keyProtectionUrl.replace('https', 'http'), '--ca', caFile)).toMatchObject([2, {}]);
    const other = await aServedFolder();
    expect(await from(keyProtectionUrl, '--ca', other.services.caFile)).toMatchObject([
      1,
      { fault: { code: 'unreachable' } },
    ]);
  });

  it('is not imported from what is no guardian', async () => {
    writeFileSync(file('rubbish'), '<Metadata/>');
    expect(await asTenant('guardian', 'import', 'x', '--from', file('rubbish'))).toMatchObject([
      1,
      { fault: { code: 'not-a-guardian' } },
    ]);
  });

  it('is listed with its whole fingerprint, within 80 columns', async () => {
    const { stdout } = await sekimori(['--data', tenant, 'guardian', 'list']);
    expect(stdout).toContain(`fabric  imported\n  ${fabric}`);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});

describe('key-protector', () => {
  it('goes round: made, shown, opened by its owner', async () => {
    const made = await asTenant(
      'key-protector',
      'new',
      '--owner',
      'alice',
      '--guardian',
      'fabric',
      '--out',
      file('vm.kp'),
      '--key-out',
      file('vm.key'),
    );
    expect(made).toMatchObject([0, { owner: alice.fingerprint, guardians: [fabric] }]);
    expect(statSync(file('vm.key')).mode & 0o777).toBe(0o600);
    expect(statSync(file('vm.key')).size).toBe(32);
    expect(await asTenant('key-protector', 'show', file('vm.kp'))).toMatchObject([
      0,
      {
        owner: { fingerprint: alice.fingerprint, knownHereAs: 'alice' },
        guardians: [{ fingerprint: fabric, knownHereAs: 'fabric' }],
        signedBy: alice.fingerprint,
      },
    ]);
    expect(
      await asTenant('key-protector', 'open', file('vm.kp'), '--guardian', 'alice', '--key-out', file('again.key')),
    ).toMatchObject([0, { opened: true }]);
    expect(readFileSync(file('again.key'))).toEqual(readFileSync(file('vm.key')));
  });

  it('prints the key only when told so at length', async () => {
    const key = readFileSync(file('vm.key'), 'hex');
    const open = ['--data', tenant, 'key-protector', 'open', file('vm.kp'), '--guardian', 'alice'];
    for (const more of [[], ['--json']]) {
      const { stdout, stderr } = await sekimori([...open, ...more]);
      expect(`${stdout}${stderr}`).not.toContain(key);
    }
    expect((await sekimori([...open, '--insecure-print-key'])).stdout).toContain(key);
  });

  it('overwrites nothing', async () => {
    const before = readFileSync(file('vm.kp'), 'hex');
    expect(await asTenant('key-protector', 'new', '--owner', 'alice', '--out', file('vm.kp'))).toMatchObject([
      1,
      { fault: { code: 'file-exists' } },
    ]);
    expect(
      await asTenant('key-protector', 'open', file('vm.kp'), '--guardian', 'alice', '--key-out', file('vm.kp')),
    ).toMatchObject([1, { fault: { code: 'file-exists' } }]);
    expect(readFileSync(file('vm.kp'), 'hex')).toBe(before);
  });

  it('is refused to whom it is not for, and to whose keys are elsewhere', async () => {
    await asTenant('guardian', 'new', 'mallory');
    expect(await asTenant('key-protector', 'open', file('vm.kp'), '--guardian', 'mallory')).toMatchObject([
      1,
      { fault: { code: 'protector-not-mine' } },
    ]);
    expect(await asTenant('key-protector', 'open', file('vm.kp'), '--guardian', 'fabric')).toMatchObject([
      1,
      { fault: { code: 'guardian-not-own' } },
    ]);
    expect(await asTenant('key-protector', 'new', '--owner', 'fabric', '--out', file('x.kp'))).toMatchObject([
      1,
      { fault: { code: 'guardian-not-own' } },
    ]);
    expect(await asTenant('key-protector', 'new', '--owner', 'nobody', '--out', file('x.kp'))).toMatchObject([
      1,
      { fault: { code: 'unknown-guardian' } },
    ]);
  });

  it('is refused when it was changed, and when it is none', async () => {
    const text = readFileSync(file('vm.kp'), 'utf8');
    writeFileSync(file('changed.kp'), text.replace('<Id>2</Id>', '<Id>3</Id>'));
    expect(await asTenant('key-protector', 'show', file('changed.kp'))).toMatchObject([
      1,
      { fault: { code: expect.stringMatching(/^protector-/) } },
    ]);
    writeFileSync(file('cut.kp'), text.slice(0, 500));
    expect(await asTenant('key-protector', 'show', file('cut.kp'))).toMatchObject([
      1,
      { fault: { code: 'protector-malformed' } },
    ]);
  });
});
