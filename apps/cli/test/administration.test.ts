import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeAll, describe, expect, it } from 'vitest';
import { aFolderWithHosts, uuid } from './fake-attestation.ts';
import { aServedFolder, sekimori, sekimoriJson } from './support.ts';

let fake: Awaited<ReturnType<typeof aFolderWithHosts>>;
beforeAll(async () => {
  fake = await aFolderWithHosts(1500);
});
const ask = (...args: readonly string[]) => sekimoriJson(['--data', fake.data, ...args]);
const last = () => fake.asked.at(-1);

describe('host', () => {
  it('lists all of them, page by page', async () => {
    const [status, { hosts }] = await ask('host', 'list');
    expect([status, hosts.length, hosts[1499].name]).toEqual([0, 1500, 'node01499']);
    const { stdout } = await sekimori(['--data', fake.data, 'host', 'list']);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('shows one by name or id, with event, expected and actual value', async () => {
    expect((await ask('host', 'show', 'node01400'))[1].id).toBe(uuid(1400));
    expect((await ask('host', 'show', uuid(3)))[1].name).toBe('node00003');
    const { stdout } = await sekimori(['--data', fake.data, 'host', 'show', 'node00003']);
    expect(stdout).toMatch(/PCR 11 differs\n +expected +aa\n +actual +bb\n +event +30 EV_IPL: content of \.cmdline/);
    expect(stdout).toContain(
      'IMA: 11 entries up to the quote, 2 violations, extended as SHA-1 alone; no policy judges',
    );
    expect(stdout).toContain('IBM software TPM (49424d20) SW');
    expect(stdout).toMatch(/EK certificate +the certificate ended at 2020/);
    expect(stdout).toContain('\\u{1b}[2J\\u{202e}1.2');
    for (const character of ['\u001b', '\u202e']) expect(stdout).not.toContain(character);
  });

  it('does not approve without a fingerprint, and shows the one to compare', async () => {
    const before = fake.asked.length;
    expect(await ask('host', 'approve', 'node00002')).toMatchObject([
      1,
      { fault: { code: 'fingerprint-missing', detail: expect.stringContaining(fake.ek) } },
    ]);
    const said = await sekimori(['--data', fake.data, 'host', 'approve', 'node00002'], { ask: async () => '' });
    expect(said.status).toBe(1);
    expect(fake.asked).toHaveLength(before);
  });

  it('approves with the fingerprint that was compared, given or confirmed', async () => {
    const spaced = fake.ek.toUpperCase().replaceAll(/..(?=.)/g, '$&:');
    expect(await ask('host', 'approve', 'node00002', '--fingerprint', spaced)).toMatchObject([
      0,
      { state: 'approved' },
    ]);
    expect(last()).toEqual({ approve: uuid(2), ekFingerprint: fake.ek });
    expect(await ask('host', 'approve', 'node00002', '--fingerprint', 'cd'.repeat(32))).toMatchObject([
      1,
      {
        fault: {
          code: 'fingerprint-mismatch',
          hint: expect.stringContaining('do not approve'),
          traceId: expect.any(String),
        },
      },
    ]);
    const said = await sekimori(['--data', fake.data, 'host', 'approve', 'node00004'], { ask: async () => 'yes' });
    expect([said.status, last()]).toEqual([0, { approve: uuid(4), ekFingerprint: fake.ek }]);
  });

  it('revokes', async () => {
    expect(await ask('host', 'revoke', 'node00001', '--reason', 'stolen')).toMatchObject([0, { state: 'revoked' }]);
    expect(last()).toEqual({ revoke: uuid(1), reason: 'stolen' });
  });

  it('removes the revoked one of a name', async () => {
    const gone = { id: uuid(7), name: 'node00001', state: 'revoked', ekFingerprint: fake.ek } as const;
    const folder = await aFolderWithHosts(2, [gone]);
    const [status] = await sekimoriJson(['--data', folder.data, 'host', 'remove', 'node00001']);
    expect([status, folder.asked]).toEqual([0, [{ remove: uuid(7) }]]);
  });

  it('takes what has the form of an id for an id, never for the name of another host', async () => {
    const other = { id: uuid(7), name: uuid(1), state: 'active', ekFingerprint: fake.ek } as const;
    const decoy = await aFolderWithHosts(2, [other]);
    const revoke = (host: string) => sekimoriJson(['--data', decoy.data, 'host', 'revoke', host]);
    expect((await revoke(uuid(1)))[0]).toBe(0);
    expect(decoy.asked.at(-1)).toMatchObject({ revoke: uuid(1) });
    expect(await revoke(uuid(5))).toMatchObject([1, { fault: { code: 'unknown-host' } }]);
    expect(decoy.asked).toHaveLength(1);
  });

  it('takes the approved one of a name, or the one of the fingerprint, and else none of several', async () => {
    const waiting = { name: 'node00001', state: 'pending', ekFingerprint: 'cd'.repeat(32) } as const;
    const crowd = await aFolderWithHosts(2, [
      { ...waiting, id: uuid(7) },
      { ...waiting, id: uuid(8), name: 'node00000' },
    ]);
    const say = (...args: readonly string[]) => sekimoriJson(['--data', crowd.data, 'host', ...args]);
    expect((await say('revoke', 'node00001'))[0]).toBe(0);
    expect(crowd.asked).toMatchObject([{ revoke: uuid(1) }]);
    const ambiguous = [1, { fault: { code: 'ambiguous-name', detail: expect.stringContaining(uuid(8)) } }];
    for (const command of ['show', 'revoke', 'approve'])
      expect(await say(command, 'node00000')).toMatchObject(ambiguous);
    expect(await say('approve', 'node00000', '--fingerprint', waiting.ekFingerprint)).toMatchObject([0, {}]);
    expect(crowd.asked.at(-1)).toMatchObject({ approve: uuid(8) });
    expect(await say('approve', 'node00000', '--fingerprint', 'ef'.repeat(32))).toMatchObject(ambiguous);
  });

  it('says when there is none of that name', async () => {
    for (const command of ['show', 'approve', 'revoke'])
      expect(await ask('host', command, 'node7')).toMatchObject([1, { fault: { code: 'unknown-host' } }]);
  });
});

describe('baseline', () => {
  it('captures the last boot of a host', async () => {
    expect(await ask('baseline', 'capture', 'node00001', '--name', 'debian-13')).toMatchObject([
      0,
      { name: 'debian-13' },
    ]);
    expect(last()).toEqual({ capture: { name: 'debian-13', hostId: uuid(1), traceId: 'trace-1' } });
  });

  it('shows the boot that it captures, and asks at a terminal', async () => {
    const capture = ['--data', fake.data, 'baseline', 'capture', 'node00001', '--name', 'b'];
    const before = fake.asked.length;
    const declined = await sekimori(capture, { ask: async () => 'no' });
    expect([declined.status, fake.asked.length]).toEqual([1, before]);
    expect(declined.stderr).toMatch(/PCR 11 differs\n +expected +aa\n +actual +bb\n/);
    expect(declined.stderr).toContain(`PCR 11 ${fake.ek}`);
    const confirmed = await sekimori(capture, { ask: async () => 'yes' });
    expect([confirmed.status, last()]).toMatchObject([0, { capture: { traceId: 'trace-1' } }]);
  });

  it('captures the boot of the verdict that is named', async () => {
    expect((await ask('baseline', 'capture', 'node00001', '--name', 'b', '--trace-id', 'trace-0'))[0]).toBe(0);
    expect(last()).toEqual({ capture: { name: 'b', hostId: uuid(1), traceId: 'trace-0' } });
  });

  it('retires the active one of a name', async () => {
    expect(await ask('baseline', 'retire', 'debian')).toMatchObject([0, { state: 'retired' }]);
    expect(last()).toEqual({ retire: uuid(9), applyNow: false });
    expect(await ask('baseline', 'retire', 'none')).toMatchObject([1, { fault: { code: 'unknown-baseline' } }]);
  });

  it('says after retiring what ends when', async () => {
    const retire = ['--data', fake.data, 'baseline', 'retire', 'debian'];
    const { stdout } = await sekimori(retire);
    expect(stdout).toContain('the last by 2026-11-22 20:00:00 UTC');
    expect(stdout).toContain('sekimori policy apply-now');
    const applied = await sekimori([...retire, '--apply-now']);
    expect(last()).toEqual({ retire: uuid(9), applyNow: true });
    expect(applied.stdout).toContain('from before 2026-11-22 12:00:00 UTC');
  });

  it('lists within 80 columns', async () => {
    const { stdout } = await sekimori(['--data', fake.data, 'baseline', 'list']);
    expect(stdout).toContain(uuid(9));
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});

describe('against the real services', () => {
  let data: string;
  let ca: string;
  beforeAll(async () => {
    const served = await aServedFolder();
    data = served.data;
    ca = served.services.caFile;
  });
  const real = (...args: readonly string[]) => sekimoriJson(['--data', data, ...args]);

  it('needs the token: another one is refused, and one that is open to others is not used', async () => {
    const other = await aServedFolder();
    const file = join(other.data, 'admin', 'token');
    writeFileSync(file, readFileSync(join(data, 'admin', 'token')));
    expect(await sekimoriJson(['--data', other.data, 'host', 'list'])).toMatchObject([
      1,
      { fault: { code: 'unauthorized' } },
    ]);
    writeFileSync(join(other.data, 'client.json'), '{}');
    expect(await sekimoriJson(['--data', other.data, 'host', 'list'])).toMatchObject([
      1,
      { fault: { code: 'client-file-malformed' } },
    ]);
  });

  it('trusts a TPM root, and the software one only with the long flag', async () => {
    expect(await real('tpm-root', 'add', ca, '--vendor', 'swtpm', '--insecure-software-tpm')).toMatchObject([
      0,
      { insecure: true },
    ]);
    expect(await real('tpm-root', 'add', ca, '--vendor', 'swtpm')).toMatchObject([
      1,
      { fault: { code: 'duplicate-tpm-root' } },
    ]);
    const key = join(data, 'admin', 'token');
    expect(await real('tpm-root', 'add', key, '--vendor', 'x')).toMatchObject([
      1,
      { fault: { code: 'pem-malformed' } },
    ]);
    expect((await real('tpm-root', 'list'))[1].roots).toMatchObject([{ vendor: 'swtpm', insecure: true }]);
    expect((await real('status'))[1].attestation.insecure).toHaveLength(1);
  });

  it('lists what was decided, newest first to be asked for', async () => {
    const [, { entries, head }] = await real('audit', 'list', '--limit', '1');
    expect(entries).toMatchObject([{ kind: 'tpm-root.added', index: head.index }]);
    expect((await real('audit', 'list', '--after', '0'))[1].entries[0].index).toBe(1);
    expect(await real('release', 'list')).toEqual([0, { releases: [] }]);
    expect((await sekimori(['--data', data, 'audit', 'list'])).stdout).toContain('tpm-root.added');
  });

  it('verifies the audit logs, and shows a cut, a rewritten and an altered one', async () => {
    const [status, { logs }] = await real('audit', 'verify');
    expect([status, logs]).toMatchObject([
      0,
      [
        { service: 'attestation', ok: true },
        { service: 'key-protection', ok: true },
      ],
    ]);
    const { checkpoint, entries } = logs[0];
    const against = (kept: string) => real('audit', 'verify', '--service', 'attestation', '--checkpoint', kept);
    expect((await against(checkpoint))[0]).toBe(0);
    const zeros = '0'.repeat(64);
    expect((await against(`0:${zeros}`))[0]).toBe(0);
    expect((await against(`1:${zeros}`))[1].logs[0].fault.code).toBe('log-rewritten');
    expect((await against(`${entries + 1}:${zeros}`))[1].logs[0].fault.code).toBe('log-truncated');
    expect((await against('17'))[0]).toBe(2);
    expect((await real('audit', 'verify', '--checkpoint', checkpoint))[0]).toBe(2);

    const database = new DatabaseSync(join(data, 'attestation', 'attestation.sqlite'));
    const change = (sql: string) => database.exec(`PRAGMA busy_timeout = 5000; ${sql}`);
    change("UPDATE audit_entry SET actor = 'administrator:nobody' WHERE number = 2");
    expect(await against(checkpoint)).toMatchObject([
      1,
      { logs: [{ ok: false, entries: 0, fault: { code: 'log-altered', at: '2' } }] },
    ]);
    change('DELETE FROM audit_entry WHERE number = 2');
    expect((await against(checkpoint))[1].logs[0].fault.code).toBe('log-truncated');
    database.close();
  });
});

describe('what administrators widen and tighten', () => {
  let data: string;
  let ca: string;
  beforeAll(async () => {
    const served = await aServedFolder();
    data = served.data;
    ca = served.services.caFile;
  });
  const real = (...args: readonly string[]) => sekimoriJson(['--data', data, ...args]);

  it('restricts a TPM root to manufacturers, no software among them, and removes it', async () => {
    const add = (...args: readonly string[]) => real('tpm-root', 'add', ca, '--vendor', 'v', ...args);
    expect(await add('--manufacturer', '53544D20', '00001014')).toMatchObject([1, { fault: { code: 'software-tpm' } }]);
    const [status, { fingerprint, manufacturers }] = await add('--manufacturer', '53544D20', '49465800');
    expect([status, manufacturers]).toEqual([0, ['53544d20', '49465800']]);
    const { stdout } = await sekimori(['--data', data, 'tpm-root', 'list']);
    expect(stdout).toContain('vouches for 53544d20 (STMicroelectronics), 49465800 (Infineon)');
    const spaced = fingerprint.toUpperCase().replaceAll(/..(?=.)/g, '$&:');
    const removed = await sekimori(['--data', data, 'tpm-root', 'remove', spaced]);
    expect(removed.status).toBe(0);
    expect(removed.stderr).toContain('stay until they are revoked');
    expect(await real('tpm-root', 'remove', fingerprint)).toMatchObject([1, { fault: { code: 'unknown-tpm-root' } }]);
    expect(await real('tpm-root', 'remove', 'ab')).toMatchObject([1, { fault: { code: 'malformed-request' } }]);
  });

  it('shows and sets the policy, and weakens it only with the long flag', async () => {
    const [, { version }] = await real('policy', 'show');
    const weaken = ['policy', 'set', '--secure-boot', 'not-required'];
    expect(await real(...weaken)).toMatchObject([2, { fault: { code: 'usage' } }]);
    expect((await sekimori(['--data', data, 'policy', 'set'])).status).toBe(2);
    expect(await real(...weaken, '--insecure-secure-boot-not-required')).toMatchObject([
      0,
      { version: version + 1, secureBoot: 'not-required', certificatesUntil: expect.any(String) },
    ]);
    expect((await real('status'))[1].attestation.insecure).toContain('Secure Boot is not required');
    const { status, stdout } = await sekimori([
      '--data',
      data,
      'policy',
      'set',
      '--secure-boot',
      'required',
      '--apply-now',
    ]);
    expect([status, stdout]).toEqual([0, expect.stringContaining('every host must attest again')]);
    const { denyIssuedBefore } = (await real('policy', 'show'))[1];
    expect(Date.parse((await real('policy', 'apply-now'))[1].denyIssuedBefore)).toBeGreaterThanOrEqual(
      Date.parse(denyIssuedBefore),
    );
    expect(await real('baseline', 'retire', uuid(1), '--apply-now')).toMatchObject([
      1,
      { fault: { code: 'unknown-baseline' } },
    ]);
  });
});
