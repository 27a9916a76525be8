import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const program = new URL('../bin/guarded-fabric.js', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'guarded-fabric-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Report {
  readonly tpm: string;
  readonly steps: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly fault?: string;
    readonly millis: number;
  }[];
}

const withSwtpm = spawnSync('swtpm', ['--version']).status === 0;
if (!withSwtpm && !process.env['CI']) console.warn('skipped: the story with swtpm, which is not on this machine');

describe('the story of a guarded fabric', () => {
  it.skipIf(!withSwtpm && !process.env['CI'])(
    'holds with swtpm, and again on the same data',
    { timeout: 120_000 },
    async () => {
      for (const run of ['first', 'second']) {
        const { status, report, talk } = await play(['--data', join(folder, 'swtpm')], process.env);
        expect(talk, run).toBe('');
        expect(status).toBe(0);
        expectWhole(report, 'swtpm');
      }
    },
  );

  it('holds with the software TPM where swtpm cannot be had, and says so', { timeout: 120_000 }, async () => {
    const env = { ...process.env, PATH: join(folder, 'empty') };
    const { status, report } = await play(['--data', join(folder, 'software')], env);
    expect(status).toBe(0);
    expectWhole(report, 'software');
  });

  it('tells people what to do about an unknown option', () => {
    const wrong = spawnSync(process.execPath, ['--conditions=@sekimori/source', program, '--onse'], {
      encoding: 'utf8',
    });
    expect(wrong.status).not.toBe(0);
    expect(wrong.stderr).toContain('--once');
  });
});

function expectWhole(report: Report, tpm: string): void {
  expect(report.tpm).toBe(tpm);
  expect(report.steps.filter(({ ok }) => !ok)).toEqual([]);
  const faults = report.steps.flatMap(({ fault }) => fault ?? []);
  expect(faults).toEqual([
    'host-not-approved',
    'fingerprint-mismatch',
    'policy-denied/SecureBootSettings',
    'policy-denied/CodeIntegrityPolicy',
    'policy-denied/CodeIntegrityPolicy',
    'unknown-host',
    'evidence-refused/quote-signature',
    'duplicate-ek',
    'evidence-refused/quote-signature',
    'challenge-used',
    'protector-refused/protector-guardian-signature',
    'health-certificate-refused/certificate-expired',
    'health-certificate-refused/certificate-revoked',
    'host-revoked',
  ]);
}

function play(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ status: number | null; report: Report; talk: string }> {
  const child = spawn(process.execPath, ['--conditions=@sekimori/source', program, '--once', '--json', ...args], {
    env,
  });
  let [output, talk] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (talk += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, report: JSON.parse(output || '{"steps":[]}') as Report, talk }));
  });
}
