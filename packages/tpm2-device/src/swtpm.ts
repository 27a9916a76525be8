import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Secret } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { shutdown, startup, Tpm, type TpmTransport } from '@sekimori/tpm2';
import { endWithUs } from './end-with-us.ts';
import { type SocketAddress, untilListening } from './socket.ts';
import { sendStateKey, stateKeyArguments, stateKeyPipe } from './state-key.ts';
import { initializeSwtpm, shutDownSwtpm, SwtpmStateError } from './swtpm-control.ts';
import { type LocalityOptions, openSwtpm } from './swtpm-socket.ts';

export { untilListening } from './socket.ts';
export { sendStateKey, stateKeyArguments, stateKeyPipe } from './state-key.ts';
export { initializeSwtpm, SwtpmStateError } from './swtpm-control.ts';
export { reencryptSwtpmState } from './swtpm-reencrypt.ts';
export { createSwtpmState, type Manufactured, manufactureSwtpm } from './swtpm-setup.ts';

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

/** A running swtpm. It takes one connection at a time. */
export interface Swtpm {
  /** UNIX socket of the commands; the control socket is beside it, with `.ctrl` added, as tpm2-tss expects. */
  readonly socketPath: string | undefined;
  readonly address: SocketAddress;
  readonly control: SocketAddress;
  readonly pid: number;
  /** A new connection. Throws while another one is open. */
  open(options?: LocalityOptions): Promise<TpmTransport>;
  /** An orderly power cycle: resetCount grows, PCRs start anew, the NULL hierarchy's keys are gone. An open connection stays. */
  reset(): Promise<void>;
  /** TPM2_Shutdown, then the end of the process. */
  stop(): Promise<void>;
}

/**
 * Starts swtpm over the state in `stateDir` and the TPM in it. Rejects when it does not come up, and with a
 * `SwtpmStateError` when the state does not open.
 */
export async function startSwtpm(options: {
  readonly stateDir: string;
  /** The 32 bytes that the state was encrypted with. */
  readonly stateKey?: Secret;
  /** `tcp`: commands over a free port of the loopback. */
  readonly listen?: 'unix' | 'tcp';
  /** `tcp`: control over a free port too. Everybody on this machine can then have the TPM's state: for tests. */
  readonly listenForControl?: 'unix' | 'tcp';
}): Promise<Swtpm> {
  // Not in stateDir: its path may be longer than a socket's may be.
  const socketDir = await mkdtemp(join(tmpdir(), 'swtpm-'));
  const socketPath = join(socketDir, 'data');
  try {
    const address = await socketAddress(options.listen, socketPath);
    const control = await socketAddress(options.listenForControl, `${socketPath}.ctrl`);
    const child = spawn(
      'swtpm',
      ['socket', '--tpm2', '--tpmstate', `dir=${options.stateDir}`].concat(
        ['--server', optionOf(address), '--ctrl', optionOf(control)],
        stateKeyArguments('swtpm', options.stateKey),
      ),
      { stdio: ['ignore', 'ignore', 'pipe', stateKeyPipe(options.stateKey)] },
    );
    sendStateKey(child, options.stateKey);
    const swtpm = new RunningSwtpm(child, address, control, socketDir);
    await swtpm.ready();
    return swtpm;
  } catch (error) {
    await rm(socketDir, { recursive: true, force: true });
    throw error;
  }
}

async function socketAddress(kind: 'unix' | 'tcp' | undefined, path: string): Promise<SocketAddress> {
  if (kind === 'tcp') return { host: '127.0.0.1', port: await freePort() };
  if (Buffer.byteLength(path) >= MAX_SOCKET_PATH) throw new Error(`too long for a socket: ${path}`);
  return { path };
}

/** As swtpm's --server and --ctrl take it. */
function optionOf(address: SocketAddress): string {
  if ('path' in address) return `type=unixio,path=${address.path},mode=0600`;
  return `type=tcp,port=${address.port},bindaddr=${address.host}`;
}

class RunningSwtpm implements Swtpm {
  readonly address: SocketAddress;
  readonly control: SocketAddress;
  readonly #child: ChildProcess;
  readonly #socketDir: string;
  #open: TpmTransport | undefined;
  #talk = '';
  #ended: string | undefined;
  readonly #closed: Promise<unknown>;

  constructor(child: ChildProcess, address: SocketAddress, control: SocketAddress, socketDir: string) {
    this.#child = child;
    this.address = address;
    this.control = control;
    this.#socketDir = socketDir;
    endWithUs(child);
    this.#closed = new Promise((resolve) => child.once('close', resolve).once('error', resolve));
    child.on('exit', (status, signal) => (this.#ended ??= `swtpm ended with ${signal ?? status}`));
    child.on('error', (error) => (this.#ended ??= error.message));
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#talk = (this.#talk + chunk.toString()).slice(-2000);
    });
  }

  get socketPath(): string | undefined {
    return 'path' in this.address ? this.address.path : undefined;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async ready(): Promise<void> {
    try {
      // Both, since swtpm listens on one before it listens on the other.
      for (const address of [this.control, this.address]) await untilListening(address, () => this.#ended);
      await initializeSwtpm(this.control);
    } catch (error) {
      this.#child.kill('SIGKILL');
      await this.#closed; // all that it said has come by then
      const words = [(error as Error).message, this.#talk.trim()].filter((part) => part !== '').join(': ');
      throw error instanceof SwtpmStateError ? new SwtpmStateError(words) : new Error(words);
    }
    await this.#withTpm(async (tpm) => expectOk(await startup(tpm)));
  }

  async open(options: LocalityOptions = {}): Promise<TpmTransport> {
    if (this.#open) throw new Error('swtpm takes one connection at a time, and one is open');
    const inner = await openSwtpm({ data: this.address, control: this.control }, options);
    const transport: TpmTransport = {
      transmit: (command, how) => inner.transmit(command, how),
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
      await initializeSwtpm(this.control);
      expectOk(await startup(tpm));
    });
  }

  async stop(): Promise<void> {
    if (this.#ended === undefined) {
      const gone = once(this.#child, 'exit');
      // A TPM that cannot be reached any more is ended all the same.
      await this.#withTpm(async (tpm) => void (await shutdown(tpm))).catch(() => {});
      await this.#open?.close();
      await shutDownSwtpm(this.control).catch(() => {});
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
}

/** A TCP port of the loopback that nobody has at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
