import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { adoptQemu, discardQemu, isAlive, type ProcessIdentity } from '../src/index.ts';
import { missing } from './programs.ts';
import { SmallGuest } from './small-guest.ts';

interface Launcher {
  /** Code that runs before QEMU's first instruction, and after its start. */
  readonly spawned?: string;
  readonly afterwards?: string;
  readonly outlive?: boolean;
  /** A control socket. */
  readonly tpm?: string;
}

/** Another process of ours that starts a guest. It prints which process QEMU is, then 'started'. */
async function launcher(guest: SmallGuest, { spawned = '', afterwards = '', outlive = true, tpm }: Launcher) {
  const machine = { ...guest.shielded, ...(tpm && { tpm: { controlSocket: tpm } }) };
  const { runFolder, identity } = guest.options;
  const files = {
    code: join(guest.folder, 'code.fd'),
    variables: join(guest.folder, 'variables.fd'),
    root: guest.disk,
  };
  const key = guest.key.use((bytes) => Buffer.from(bytes).toString('hex'));
  const script = `
    import { openSync } from 'node:fs';
    import { Secret } from '@sekimori/crypto-core';
    import { launchQemu } from './src/index.ts';
    const started = await launchQemu({
      ...${JSON.stringify({ machine, runFolder, identity, outlive })},
      descriptors: new Map(Object.entries(${JSON.stringify(files)}).map(([id, file]) => [id, openSync(file, id === 'code' ? 'r' : 'r+')])),
      secrets: new Map([['root', new Secret(Buffer.from('${key}', 'hex'))]]),
      onSpawned: async (qemu) => { console.log(JSON.stringify(qemu)); ${spawned} },
    });
    console.log(started.ok ? 'started' : JSON.stringify(started.fault));
    ${afterwards}`;
  const child = spawn(process.execPath, ['--conditions=@sekimori/source', '--input-type=module-typescript', '-'], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const said: string[] = [];
  child.stdout.on('data', (chunk: Buffer) => said.push(...chunk.toString().trim().split('\n')));
  child.stdin.end(script);
  await guest.closeHandles();
  return { child, said, ended: once(child, 'exit') };
}

const DIE = "process.kill(process.pid, 'SIGKILL'); await new Promise(() => {});";

describe.skipIf(missing('qemu-system-x86_64', 'qemu-img', 'cryptsetup'))('a QEMU whose launcher died', () => {
  it('runs on, and is adopted with its disk and its end', async () => {
    const guest = await SmallGuest.make();
    const { said, ended } = await launcher(guest, { afterwards: DIE });
    await ended;
    expect(said.at(-1)).toBe('started');
    const qemu = JSON.parse(said[0] ?? '') as ProcessIdentity;
    const adopted = expectOk(await adoptQemu({ runFolder: guest.runFolder }));
    expect(adopted.process).toEqual(qemu);
    expect(adopted.isolation).toMatchObject({ uid: 1_900_000_123, dumpable: false, seccomp: true });
    expect(await adopted.status()).toEqual({ ok: true, value: 'running' });
    expect((await adopted.descriptorPath('variables')).ok).toBe(true);
    const { how, exit } = await adopted.stop({ graceMillis: 60_000 });
    expect({ how, exit }).toEqual({ how: 'powered-down', exit: { code: undefined, signal: undefined, said: '' } });
    expect(await isAlive(qemu)).toBe(false);
    expect(await adoptQemu({ runFolder: guest.runFolder })).toMatchObject({ fault: { code: 'no-such-process' } });
  });

  it('is not adopted while somebody else holds it', async () => {
    const guest = await SmallGuest.make();
    const running = await guest.running();
    const outcome = await adoptQemu({ runFolder: guest.runFolder, answerMillis: 200 });
    expect(outcome).toMatchObject({ fault: { code: 'qemu-not-answering', cause: { code: 'qmp-timeout' } } });
    running.detach();
    const adopted = expectOk(await adoptQemu({ runFolder: guest.runFolder }));
    expect((await adopted.stop({ graceMillis: 0 })).how).toBe('quit');
  });

  it('never starts where it died before it could write down which process it is', async () => {
    const guest = await SmallGuest.make();
    const { said, ended } = await launcher(guest, { spawned: DIE });
    await ended;
    const qemu = JSON.parse(said[0] ?? '') as ProcessIdentity;
    while (await isAlive(qemu)) await sleep(10);
    expect(await adoptQemu({ runFolder: guest.runFolder })).toMatchObject({ fault: { code: 'no-such-process' } });
    expect(await discardQemu(guest.runFolder)).toEqual({ ok: true, value: false });
  });

  it('is ended where it died in the middle of the start', async () => {
    const guest = await SmallGuest.make();
    const tpm = join(guest.folder, 'tpm'); // takes the connection and never answers, so that QEMU waits
    const server = createServer(() => {}).listen(tpm);
    const { child, said, ended } = await launcher(guest, { tpm });
    await once(server, 'connection');
    child.kill('SIGKILL');
    await ended;
    const qemu = JSON.parse(said[0] ?? '') as ProcessIdentity;
    expect(await isAlive(qemu)).toBe(true);
    const outcome = await adoptQemu({ runFolder: guest.runFolder, answerMillis: 500 });
    expect(outcome).toMatchObject({ fault: { code: 'qemu-not-answering' } });
    expect(await discardQemu(guest.runFolder)).toEqual({ ok: true, value: true });
    expect(await isAlive(qemu)).toBe(false);
    server.close();
  });

  it('ends with its launcher where it was not said to outlive it', async () => {
    const guest = await SmallGuest.make();
    const { said, ended } = await launcher(guest, { outlive: false, afterwards: 'process.exit();' });
    await ended;
    expect(said.at(-1)).toBe('started');
    const qemu = JSON.parse(said[0] ?? '') as ProcessIdentity;
    while (await isAlive(qemu)) await sleep(10);
  });
});
