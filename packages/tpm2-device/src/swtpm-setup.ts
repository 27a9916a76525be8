import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Secret } from '@sekimori/crypto-core';
import { sendStateKey, stateKeyArguments, stateKeyPipe } from './state-key.ts';

const SETUP_TIMEOUT_MILLIS = 60_000;

/** What a new swtpm has from its making. */
export interface Manufactured {
  /** X.509, DER. The key at 0x81010001. */
  readonly rsa2048Certificate: Uint8Array;
  /** X.509, DER. The key at 0x81010016. */
  readonly eccP384Certificate: Uint8Array;
  /** PEM, as files: the CA that issued them, and the root above it. */
  readonly issuerFile: string;
  readonly rootFile: string;
}

/**
 * A new TPM with endorsement keys, their certificates and a platform certificate, in `stateDir`, from a CA of its own in
 * `caDir` (made at the first use). Nothing outside the two folders is touched. Rejects when swtpm_setup fails.
 */
export async function manufactureSwtpm(options: {
  readonly stateDir: string;
  readonly caDir: string;
  readonly name?: string;
  /** Comma-separated, as swtpm_setup takes them. */
  readonly banks?: string;
}): Promise<Manufactured> {
  const { stateDir, caDir, name = 'host', banks = 'sha256' } = options;
  const certificates = join(stateDir, 'certs');
  for (const folder of [stateDir, caDir, certificates]) await mkdir(folder, { recursive: true, mode: 0o700 });
  const config = await writeConfiguration(caDir);
  const wanted = ['--create-ek-cert', '--create-platform-cert', '--lock-nvram', '--pcr-banks', banks, '--vmid', name];
  await setUp(stateDir, ['--config', config, ...wanted, '--write-ek-cert-files', certificates]);
  return {
    rsa2048Certificate: Uint8Array.from(await readFile(join(certificates, 'ek-rsa2048.crt'))),
    eccP384Certificate: Uint8Array.from(await readFile(join(certificates, 'ek-secp384r1.crt'))),
    issuerFile: join(caDir, 'issuercert.pem'),
    rootFile: join(caDir, 'swtpm-localca-rootca-cert.pem'),
  };
}

/**
 * A new TPM in `stateDir` with endorsement keys (RSA-2048 at 0x81010001, P-384 at 0x81010016) and no certificate, its state
 * encrypted with AES-256 where there is a key: 32 bytes, handed over through a pipe. Rejects when swtpm_setup fails.
 */
export async function createSwtpmState(options: {
  readonly stateDir: string;
  readonly stateKey?: Secret;
  /** Comma-separated, as swtpm_setup takes them. */
  readonly banks?: string;
}): Promise<void> {
  const { stateDir, stateKey, banks = 'sha256' } = options;
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  // The tool for certificates is not used here, but swtpm_setup wants to be told which it would be.
  const folder = await mkdtemp(join(tmpdir(), 'swtpm-'));
  try {
    const config = join(folder, 'setup.conf');
    await writeFile(config, 'create_certs_tool = /bin/false\n', { mode: 0o600 });
    await setUp(stateDir, ['--config', config, '--createek', '--pcr-banks', banks], stateKey);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The log is a file of `stateDir`; swtpm_setup writes no secret to it. */
async function setUp(stateDir: string, args: readonly string[], stateKey?: Secret): Promise<void> {
  const log = join(stateDir, 'setup.log');
  const key = stateKeyArguments('swtpm_setup', stateKey);
  const common = ['--tpm2', '--tpm-state', `dir://${stateDir}`, '--overwrite', '--logfile', log];
  const child = spawn('swtpm_setup', [...common, ...args, ...key], {
    stdio: ['ignore', 'ignore', 'pipe', stateKeyPipe(stateKey)],
    timeout: SETUP_TIMEOUT_MILLIS,
  });
  sendStateKey(child, stateKey);
  let talk = '';
  child.stderr?.on('data', (chunk: Buffer) => (talk = (talk + chunk.toString()).slice(-2000)));
  const [status] = (await once(child, 'close')) as [number | null];
  if (status === 0) return;
  const said = await readFile(log, 'utf8').catch(() => '');
  throw new Error(`swtpm_setup failed: ${(said + talk).trim().slice(-2000)}`);
}

async function writeConfiguration(caDir: string): Promise<string> {
  const inCa = (file: string) => join(caDir, file);
  const ca = {
    statedir: caDir,
    signingkey: inCa('signkey.pem'),
    issuercert: inCa('issuercert.pem'),
    certserial: inCa('certserial'),
  };
  const setup = {
    create_certs_tool: await programPath('swtpm_localca'),
    create_certs_tool_config: inCa('localca.conf'),
    create_certs_tool_options: inCa('localca.options'),
  };
  const lines = (values: Readonly<Record<string, string>>) =>
    Object.entries(values)
      .map(([key, value]) => `${key} = ${value}\n`)
      .join('');
  const platform = '--platform-manufacturer Sekimori\n--platform-version 1\n--platform-model Virtual\n';
  await writeFile(inCa('localca.conf'), lines(ca), { mode: 0o600 });
  await writeFile(inCa('localca.options'), platform, { mode: 0o600 });
  await writeFile(inCa('setup.conf'), lines(setup), { mode: 0o600 });
  return inCa('setup.conf');
}

async function programPath(program: string): Promise<string> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, program);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  throw new Error(`${program} is not on the PATH`);
}
