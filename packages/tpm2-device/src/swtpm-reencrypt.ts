import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { equal } from '@sekimori/bytes';
import type { Secret } from '@sekimori/crypto-core';
import { endWithUs } from './end-with-us.ts';
import { type SocketAddress, untilListening } from './socket.ts';
import { sendStateKey, stateKeyArguments } from './state-key.ts';
import { initializeSwtpm, readSwtpmState, shutDownSwtpm, writeSwtpmState } from './swtpm-control.ts';

const STOP_TIMEOUT_MILLIS = 5_000;

/**
 * The same TPM under another key: its state, which must not be in use, is read and written anew into `target`, an empty folder. In between
 * it is in the memory of this process and of swtpm alone. Rejects with `SwtpmStateError` where the state does not open.
 */
export async function reencryptSwtpmState(options: {
  readonly stateDir: string;
  readonly stateKey: Secret;
  readonly target: string;
  readonly newStateKey: Secret;
}): Promise<void> {
  const { stateDir, stateKey, target, newStateKey } = options;
  const state = await readAll(stateDir, stateKey);
  try {
    await withControl(target, newStateKey, async (control) => {
      await writeSwtpmState(control, state);
      await initializeSwtpm(control);
    });
    const written = await readAll(target, newStateKey);
    const isSame = equal(written, state);
    written.fill(0);
    if (!isSame) throw new Error('swtpm wrote another state than it was given');
  } finally {
    state.fill(0);
  }
}

function readAll(stateDir: string, stateKey: Secret): Promise<Uint8Array> {
  return withControl(stateDir, stateKey, async (control) => {
    await initializeSwtpm(control);
    return readSwtpmState(control);
  });
}

/** swtpm over this folder, not powered on, for the time of `work`. */
async function withControl<T>(
  stateDir: string,
  stateKey: Secret,
  work: (control: SocketAddress) => Promise<T>,
): Promise<T> {
  const sockets = await mkdtemp(join(tmpdir(), 'swtpm-'));
  const control = { path: join(sockets, 'ctrl') };
  const child = spawn(
    'swtpm',
    [
      ['socket', '--tpm2', '--tpmstate', 'dir=.,mode=0600', '--ctrl', `type=unixio,path=${control.path},mode=0600`],
      stateKeyArguments('swtpm', stateKey),
    ].flat(),
    { cwd: stateDir, env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'ignore', 'ignore', 'pipe'] },
  );
  endWithUs(child);
  let how: string | undefined;
  const ended = once(child, 'exit').then(
    ([status, signal]) => (how = `swtpm ended with ${signal ?? status}`),
    (error: Error) => (how = error.message),
  );
  try {
    sendStateKey(child, stateKey);
    await untilListening(control, () => how);
    const outcome = await work(control);
    await shutDownSwtpm(control);
    await Promise.race([ended, sleep(STOP_TIMEOUT_MILLIS, undefined, { ref: false })]);
    return outcome;
  } finally {
    if (how === undefined) child.kill('SIGKILL');
    await ended;
    await rm(sockets, { recursive: true, force: true });
  }
}
