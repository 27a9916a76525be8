import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { programsMissing } from '@sekimori/testkit';
import { manufactureSwtpm, startSwtpm, type Swtpm } from '@sekimori/tpm2-device/swtpm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sekimori, sekimoriJson, spawnProgram } from './support.ts';

describe.skipIf(programsMissing('swtpm', 'swtpm_setup'))('sekimori tpm, with a swtpm', () => {
  let folder: string;
  let swtpm: Swtpm;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sekimori-cli-'));
    await manufactureSwtpm({ stateDir: join(folder, 'tpm'), caDir: join(folder, 'ca') });
    swtpm = await startSwtpm({ stateDir: join(folder, 'tpm'), listen: 'tcp' });
  });
  afterAll(async () => {
    await swtpm.stop();
    await rm(folder, { recursive: true });
  });
  const address = () => ('port' in swtpm.address ? ['--swtpm', `127.0.0.1:${swtpm.address.port}`] : []);

  it('shows the TPM, its PCRs and its endorsement keys', async () => {
    const { status, stdout, stderr } = await sekimori(['tpm', 'info', ...address()]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^manufacturer: +IBM \(49424d00\), a software TPM/);
    expect(await sekimoriJson(['tpm', 'pcrs', '0', '7', '--bank', 'sha256', ...address()])).toEqual([
      0,
      { banks: { sha256: { 0: '0'.repeat(64), 7: '0'.repeat(64) } } },
    ]);
    const [, { keys }] = await sekimoriJson(['tpm', 'ek', ...address()]);
    expect(keys).toMatchObject([{ template: 'EK L-1' }, { template: 'EK H-3' }]);
    const plain = await sekimori(['tpm', 'ek', ...address()]);
    expect(plain.stdout).toContain(keys[0].fingerprint);
    const pem = await sekimori(['tpm', 'ek', '--pem', ...address()]);
    expect(pem.stdout.match(/^-----BEGIN CERTIFICATE-----$/gm)).toHaveLength(2);
  });
});

const STEERING = '\u009b31m\u202e\u2028';

describe('sekimori tpm', () => {
  it('decodes bytes, and ends with 1 when they are malformed', async () => {
    const sound = await sekimori(['tpm', 'decode', '80010000000c000001440000']);
    expect([sound.status, sound.stderr]).toEqual([0, '']);
    expect(sound.stdout).toContain('commandCode: TPM_CC = Startup');
    const cut = await sekimori(['tpm', 'decode', '80010000000c0000014400']);
    expect(cut.status).toBe(1);
    expect(cut.stdout).toContain('malformed: ');
    const [status, { fault, tree }] = await sekimoriJson(['tpm', 'decode', '80010000000c0000014400']);
    expect([status, fault.code, fault.offset, tree.type]).toEqual([1, 'malformed', 10, 'command']);
    const stdin = () => Readable.from([Buffer.from('8001 0000000c 00000144 0000\n')]);
    expect((await sekimori(['tpm', 'decode', '-'], { stdin })).stdout).toBe(sound.stdout);
  });
  it('explains response codes, and ends with 2 for what is none', async () => {
    expect(await sekimoriJson(['tpm', 'explain-rc', '0x1c4', '--command', 'Quote'])).toMatchObject([
      0,
      { name: 'TPM_RC_VALUE', blames: 'qualifyingData' },
    ]);
    expect((await sekimori(['tpm', 'explain-rc', '0x123'])).status).toBe(0);
    const { status, stdout, stderr } = await sekimori(['tpm', 'explain-rc', 'rubbish']);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^sekimori: error: no response code: 'rubbish'\nsekimori: hint: .+\n$/);
  });
  it('says what is in the way of a TPM', async () => {
    const { status, stdout, stderr } = await sekimori(['tpm', 'info', '--device', '/dev/no-such-tpm']);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^sekimori: error: cannot use the TPM at \/dev\/no-such-tpm: .+\nsekimori: hint: .+\n$/);
    expect((await sekimoriJson(['tpm', 'pcrs', '--device', '/dev/no-such-tpm']))[1].fault.code).toBe('tpm-outage');
    expect((await sekimori(['tpm', 'pcrs', '99', '--device', '/dev/no-such-tpm'])).status).toBe(2);
  });
  it('prints JSON that steers no terminal', async () => {
    const { status, stdout } = await sekimori(['tpm', 'explain-rc', STEERING, '--json']);
    expect(status).toBe(2);
    expect(stdout).toContain(String.raw`\u009b31m\u202e\u2028`);
    expect(JSON.parse(stdout)).toMatchObject({ fault: { detail: `no response code: '${STEERING}'` } });
  });
  it('reads standard input as a process of its own', async () => {
    const { ended } = spawnProgram(
      ['tpm', 'decode', '-', '--json'],
      {},
      Buffer.from('80010000000c000001440000', 'hex'),
    );
    expect(JSON.parse((await ended).stdout)).toMatchObject({ type: 'command', length: 12 });
  });
});
