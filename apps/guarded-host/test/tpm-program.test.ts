import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { programsMissing } from '@sekimori/testkit';
import { TPM_COMMANDS } from '@sekimori/tpm-commands/definitions';
import { manufactureSwtpm, startSwtpm, type Swtpm } from '@sekimori/tpm2-device/swtpm';
import { describe, expect, it, onTestFinished } from 'vitest';
import { aFolder } from './support/folders.ts';
import { BIN, jsonOf, sekimoriHost } from './support/program.ts';

describe.skipIf(programsMissing('swtpm', 'swtpm_setup'))('sekimori-host tpm, with a swtpm', () => {
  /** A machine with a swtpm, and a configuration that names it. */
  async function aMachine(): Promise<{ readonly swtpm: Swtpm; readonly config: string }> {
    const folder = await aFolder();
    await manufactureSwtpm({ stateDir: join(folder, 'tpm'), caDir: join(folder, 'ca') });
    const swtpm = await startSwtpm({ stateDir: join(folder, 'tpm') });
    onTestFinished(() => swtpm.stop());
    const config = join(folder, 'host.json');
    const tpm = { swtpm: { socket: swtpm.socketPath } };
    await writeFile(config, JSON.stringify({ name: 'node-a', stateFolder: 'state', tpm }));
    return { swtpm, config };
  }

  it('asks the configured TPM, or the one that is named', async () => {
    const { swtpm, config } = await aMachine();
    const configured = await sekimoriHost(['tpm', 'pcrs', '0', '--config', config]);
    expect(configured).toEqual({ status: 0, stdout: `sha256:\n  0:  ${'0'.repeat(64)}\n`, stderr: '' });
    expect(await sekimoriHost(['tpm', 'pcrs', '0', '--swtpm', swtpm.socketPath!])).toEqual(configured);
    expect(await sekimoriHost(['tpm', 'pcrs', '0', '--tpm', `swtpm:${swtpm.socketPath!}`])).toEqual(configured);
    const other = await sekimoriHost(['tpm', 'pcrs', '--config', config, '--device', '/dev/no-such-tpm', '--json']);
    expect(other.status).toBe(5);
    expect(jsonOf(other)).toMatchObject({ fault: { code: 'tpm-outage' } });
    const info = await sekimoriHost(['tpm', 'info', '--config', config]);
    expect(info).toMatchObject({ status: 0, stderr: '' });
    expect(info.stdout).toMatch(/^manufacturer: +IBM/);
  });

  it('shows the fingerprint, certificate and firmware that identity shows', async () => {
    const { config } = await aMachine();
    const identity = jsonOf(await sekimoriHost(['identity', '--json', '--config', config]));
    const ek = jsonOf(await sekimoriHost(['tpm', 'ek', '--json', '--config', config])) as any;
    expect(ek.keys[0].fingerprint).toBe(identity['ekFingerprint']);
    expect(ek.keys[0].certificates[0]).toMatchObject(identity['ekCertificate'] as object);
    expect(jsonOf(await sekimoriHost(['tpm', 'info', '--json', '--config', config]))).toMatchObject({
      firmware: (identity['tpm'] as { readonly firmware: string }).firmware,
    });
    const line = /^ *EK fingerprint: +([0-9a-f]{64})$/m;
    const plain = await sekimoriHost(['identity', '--config', config]);
    const shown = await sekimoriHost(['tpm', 'ek', '--config', config]);
    expect(line.exec(shown.stdout)?.[1]).toBe(line.exec(plain.stdout)?.[1]);
  });
});

describe('sekimori-host tpm', () => {
  it('has the commands of sekimori, each with help and examples', async () => {
    for (const { name, examples, options } of TPM_COMMANDS) {
      const { status, stdout, stderr } = await sekimoriHost(['tpm', name, '--help']);
      expect([status, stderr]).toEqual([0, '']);
      for (const example of examples) expect(stdout).toContain(`  sekimori-host ${example}\n`);
      for (const { flags } of options) expect(stdout).toContain(flags);
    }
  });
  it('prints JSON that steers no terminal', async () => {
    const steering = '\u009b31m\u202e\u2028';
    const refused = await sekimoriHost(['tpm', 'explain-rc', steering, '--json']);
    expect(refused.status).toBe(2);
    expect(refused.stdout).toContain(String.raw`\u009b31m\u202e\u2028`);
    expect(jsonOf(refused)).toMatchObject({ fault: { detail: `no response code: '${steering}'` } });
  });
  it('decodes and explains without a configuration, whatever stands there', async () => {
    const folder = await aFolder();
    const broken = join(folder, 'host.json');
    await writeFile(broken, '{');
    const explained = await sekimoriHost(['tpm', 'explain-rc', '0x9a2', '--config', broken]);
    expect(explained).toMatchObject({ status: 0, stderr: '' });
    expect(explained.stdout).toContain('TPM_RC_BAD_AUTH');
    expect((await sekimoriHost(['tpm', 'explain-rc', 'rubbish'])).status).toBe(2);
    const decoded = await sekimoriHost(['tpm', 'decode', 'ff5443478018', '--json']);
    expect(decoded.status).toBe(1);
    expect(jsonOf(decoded)).toMatchObject({ type: 'TPMS_ATTEST', fault: { code: 'malformed', offset: 6 } });
    const noted = await sekimoriHost(['tpm', 'decode', '0008000000000004deadbeef', '--as', 'TPMT_SENSITIVE']);
    expect(noted).toMatchObject({ status: 0, stderr: expect.stringContaining('WARNING') as string });
    expect((await sekimoriHost(['tpm', 'info', '--config', broken])).status).toBe(2);
  });
  it('decodes standard input', async () => {
    const child = spawn(process.execPath, ['--conditions=@sekimori/source', BIN, 'tpm', 'decode', '-'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.end('8001 0000000c 00000144 0000\n');
    expect(await text(child.stdout)).toContain('commandCode: TPM_CC = Startup');
  });
});
