import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { access, constants, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { shutdown, startup, Tpm, type TpmTransport } from '@sekimori/tpm2';
import { initializeSwtpm, shutDownSwtpm } from './swtpm-control.ts';
import { connected, openTpmSocket, type SocketAddress } from './socket.ts';
import type { TransportOptions } from './serial.ts';

const run = promisify(execFile);
const SETUP_TIMEOUT_MILLIS = 60_000;
const START_TIMEOUT_MILLIS = 10_000;
const STOP_TIMEOUT_MILLIS = 5_000;
/** sun_path of sockaddr_un, its NUL included. */
const MAX_SOCKET_PATH = 108;

/** Whether the programs of swtpm and swtpm-tools are here. */
export function swtpmAvailable(): boolean {
  // `swtpm_setup --version` prints it and exits with 1
  return ['swtpm', 'swtpm_setup'].every(
    (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined,
  );
}

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
  const settings = ['--config', config, '--tpm2', '--tpm-state', `dir://${stateDir}`, '--overwrite', '--lock-nvram'];
  const wanted = ['--create-ek-cert', '--create-platform-cert', '--pcr-banks', banks, '--vmid', name];
  const output = ['--write-ek-cert-files', certificates, '--logfile', join(stateDir, 'setup.log')];
  await run('swtpm_setup', [...settings, ...wanted, ...output], { timeout: SETUP_TIMEOUT_MILLIS });
  return {
    rsa2048Certificate: Uint8Array.from(await readFile(join(certificates, 'ek-rsa2048.crt'))),
    eccP384Certificate: Uint8Array.from(await readFile(join(certificates, 'ek-secp384r1.crt'))),
    issuerFile: join(caDir, 'issuercert.pem'),
    rootFile: join(caDir, 'swtpm-localca-rootca-cert.pem'),
  };
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

/** A running swtpm. It takes one connection at a time. */
export interface Swtpm {
  /** UNIX socket of the commands; the control socket is beside it, with `.ctrl` added, as tpm2-tss expects. */
  readonly socketPath: string | undefined;
  readonly address: SocketAddress;
  readonly pid: number;
  /** A new connection. Throws while another one is open. */
  open(options?: TransportOptions): Promise<TpmTransport>;
  /** An orderly power cycle: resetCount grows, PCRs start anew, the NULL hierarchy's keys are gone. An open connection stays. */
  reset(): Promise<void>;
  /** TPM2_Shutdown, then the end of the process. */
  stop(): Promise<void>;
}

/** Starts swtpm over the state in `stateDir` and the TPM in it. Rejects when it does not come up. */
export async function startSwtpm(options: {
  readonly stateDir: string;
  /** `tcp`: commands over a free port of the loopback. */
  readonly listen?: 'unix' | 'tcp';
}): Promise<Swtpm> {
  // Not in stateDir: its path may be longer than a socket's may be.
  const socketDir = await mkdtemp(join(tmpdir(), 'swtpm-'));
  const socketPath = join(socketDir, 'data');
  const controlPath = `${socketPath}.ctrl`;
  try {
    if (Buffer.byteLength(controlPath) >= MAX_SOCKET_PATH) throw new Error(`too long for a socket: ${controlPath}`);
    const port = options.listen === 'tcp' ? await freePort() : undefined;
    const address = port === undefined ? { path: socketPath } : { host: '127.0.0.1', port };
    const server =
      port === undefined ? `type=unixio,path=${socketPath},mode=0600` : `type=tcp,port=${port},bindaddr=127.0.0.1`;
    const child = spawn(
      'swtpm',
      ['socket', '--tpm2', '--tpmstate', `dir=${options.stateDir}`, '--server', server].concat(
        '--ctrl',
        `type=unixio,path=${controlPath},mode=0600`,
        '--flags',
        'not-need-init',
      ),
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const swtpm = new RunningSwtpm(child, address, controlPath, socketDir, port === undefined ? socketPath : undefined);
    await swtpm.ready();
    return swtpm;
  } catch (error) {
    await rm(socketDir, { recursive: true, force: true });
    throw error;
  }
}

/** Our processes: none outlives us, also when nobody stopped it. One listener, however many TPMs run. */
const ours = new Set<ChildProcess>();
let listening = false;
function endWithUs(child: ChildProcess): void {
  ours.add(child);
  if (listening) return;
  listening = true;
  process.once('exit', () => {
    for (const each of ours) each.kill();
  });
}

async function accepts(address: SocketAddress): Promise<boolean> {
  const socket = await connected(address).catch(() => undefined);
  socket?.destroy();
  return socket !== undefined;
}

class RunningSwtpm implements Swtpm {
  readonly address: SocketAddress;
  readonly socketPath: string | undefined;
  readonly #child: ChildProcess;
  readonly #controlPath: string;
  readonly #socketDir: string;
  #open: TpmTransport | undefined;
  #talk = '';
  #failed: Error | undefined;

  constructor(
    child: ChildProcess,
    address: SocketAddress,
    controlPath: string,
    socketDir: string,
    socketPath: string | undefined,
  ) {
    this.#child = child;
    this.address = address;
    this.#controlPath = controlPath;
    this.#socketDir = socketDir;
    this.socketPath = socketPath;
    endWithUs(child);
    child.on('error', (error) => {
      this.#failed = error;
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#talk = (this.#talk + chunk.toString()).slice(-2000);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async ready(): Promise<void> {
    for (let waited = 0; ; waited += 10) {
      if (this.#failed ?? this.#child.exitCode !== null) return this.#giveUp('swtpm did not start');
      // Both, since swtpm listens on one before it listens on the other.
      if ((await accepts({ path: this.#controlPath })) && (await accepts(this.address))) break;
      if (waited > START_TIMEOUT_MILLIS) return this.#giveUp('swtpm does not listen');
      await sleep(10);
    }
    await this.#withTpm(async (tpm) => expectOk(await startup(tpm)));
  }

  async open(options: TransportOptions = {}): Promise<TpmTransport> {
    if (this.#open) throw new Error('swtpm takes one connection at a time, and one is open');
    const inner = await openTpmSocket(this.address, options);
    const transport: TpmTransport = {
      transmit: (command) => inner.transmit(command),
      close: async () => {
        if (this.#open === transport) this.#open = undefined;
        await inner.close();
      },
    };
    this.#open = transport;
    return transport;
  }

  async reset(): Promise<void> {
    await this.#withTpm(async (tpm) => {
      expectOk(await shutdown(tpm));
      await initializeSwtpm(this.#controlPath);
      expectOk(await startup(tpm));
    });
  }

  async stop(): Promise<void> {
    ours.delete(this.#child);
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = once(this.#child, 'exit');
      // A TPM that cannot be reached any more is ended all the same.
      await this.#withTpm(async (tpm) => void (await shutdown(tpm))).catch(() => {});
      await this.#open?.close();
      await shutDownSwtpm(this.#controlPath).catch(() => {});
      const late = sleep(STOP_TIMEOUT_MILLIS, 'late' as const, { ref: false });
      if ((await Promise.race([gone, late])) === 'late') this.#child.kill('SIGKILL');
      await gone;
    }
    await rm(this.#socketDir, { recursive: true, force: true });
  }

  /** Over the open connection, or one for this purpose. */
  async #withTpm(work: (tpm: Tpm) => Promise<void>): Promise<void> {
    if (this.#open) return work(new Tpm(this.#open, nodeCrypto));
    const transport = await this.open();
    try {
      await work(new Tpm(transport, nodeCrypto));
    } finally {
      await transport.close();
    }
  }

  async #giveUp(reason: string): Promise<never> {
    this.#child.kill('SIGKILL');
    ours.delete(this.#child);
    throw new Error(`${reason}: ${this.#failed?.message ?? this.#talk.trim()}`);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
