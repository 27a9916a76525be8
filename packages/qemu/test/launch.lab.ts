import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { open, readdir, readFile, readlink, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { Secret } from '@sekimori/crypto-core';
import { describe, expect, it } from 'vitest';
import { missing } from './programs.ts';
import { GREETING, SmallGuest } from './small-guest.ts';

describe.skipIf(missing('qemu-system-x86_64', 'qemu-img', 'cryptsetup'))('launchQemu', () => {
  it('starts the guest, which runs and powers down when asked', async () => {
    const guest = await SmallGuest.make();
    const socket = join(guest.runFolder, 'serial');
    const running = await guest.running({ machine: { ...guest.supported, serial: { socket } }, paused: true });
    const serial = connect(socket);
    await once(serial, 'connect');
    expect(await running.status()).toEqual({ ok: true, value: 'prelaunch' });
    expect((await running.resume()).ok).toBe(true);
    expect(String(await once(serial, 'data'))).toBe(GREETING);
    const stopped = await running.stop({ graceMillis: 60_000 });
    serial.destroy();
    expect(stopped).toEqual({ how: 'powered-down', exit: { code: 0, signal: undefined, said: '' } });
    expect(await running.stop({ graceMillis: 1 })).toMatchObject({ how: 'gone' });
  });

  it('keeps others out: own user, no capabilities, system calls filtered, not dumpable, no cores', async () => {
    const guest = await SmallGuest.make();
    const running = await guest.running();
    const proc = (file: string) => `/proc/${running.process.pid}/${file}`;
    const status = await readFile(proc('status'), 'utf8');
    expect(status).toMatch(/^Uid:(\t1900000123){4}$/m);
    expect(status).toMatch(/^Gid:(\t1900000123){4}$/m);
    expect(status).toMatch(/^Groups:\t1900000123 $/m);
    expect(status).toMatch(/^CapPrm:\t0{16}$/m);
    expect(status).toMatch(/^CapEff:\t0{16}$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
    for (const file of ['mem', 'environ', 'maps']) expect((await stat(proc(file))).uid, file).toBe(0);
    expect(await readFile(proc('coredump_filter'), 'utf8')).toBe('00000000\n');
    expect(await readFile(proc('limits'), 'utf8')).toMatch(/^Max core file size +0 +0 /m);
    expect(await readlink(proc('cwd'))).toBe('/');
    expect(await readFile(proc('environ'), 'utf8')).toBe('PWD=/\0');
    const peer = ['--reuid', '1900000123', '--regid', '1900000123', '--clear-groups', 'cat', proc('environ')];
    expect(spawnSync('setpriv', peer).stderr.toString()).toContain('Permission denied');
    process.kill(running.process.pid, 'SIGABRT');
    expect(await running.exited).toMatchObject({ signal: 'SIGABRT' });
    expect((await readdir('/')).filter((name) => name.startsWith('core'))).toEqual([]);
  });

  it('hands out no descriptor but those of the machine', async () => {
    const guest = await SmallGuest.make();
    const secretFile = await open(join(guest.folder, 'root.raw')); // ours, and none of QEMU's business
    const running = await guest.running();
    const folder = `/proc/${running.process.pid}/fd`;
    const links = await Promise.all((await readdir(folder)).map((fd) => readlink(join(folder, fd)).catch(() => '')));
    const files = new Set(links.filter((link) => link.startsWith('/')));
    const own = ['code.fd', 'variables.fd', 'root.luks', 'run/qemu.log'].map((name) => join(guest.folder, name));
    expect([...files].toSorted()).toEqual(['/dev/null', ...own].toSorted());
    await secretFile.close();
  });

  it('shows a key nowhere: arguments, environment, run folder, log, transcript, memory of the secret object', async () => {
    const guest = await SmallGuest.make();
    const running = await guest.running();
    const places = new Map<string, string>([['transcript', guest.transcript.join('\n')]]);
    for (const file of ['cmdline', 'environ', 'comm'])
      places.set(file, await readFile(`/proc/${running.process.pid}/${file}`, 'latin1'));
    const names = await readdir(guest.runFolder, { recursive: true });
    expect(names.toSorted()).toEqual(['qemu.json', 'qemu.log', 'qmp.sock']);
    for (const name of ['qemu.json', 'qemu.log'])
      places.set(name, await readFile(join(guest.runFolder, name), 'latin1'));
    expect(places.get('cmdline')).toContain('"driver":"luks"'); // the search below looks at the right thing
    const spellings = guest.key.use((key) =>
      (['hex', 'base64', 'base64url', 'latin1'] as const).map((as) => Buffer.from(key).toString(as)),
    );
    const found = [...places].filter(([, text]) => spellings.some((spelling) => text.includes(spelling)));
    expect(found.map(([place]) => place)).toEqual([]);
    const object = await running.qmp.execute('qom-list', { path: '/objects' });
    expect(JSON.stringify(object)).not.toContain('secret');
    for (const name of ['qemu.json', 'qemu.log', 'qmp.sock'])
      expect((await stat(join(guest.runFolder, name))).mode & 0o077, name).toBe(0);
  });

  it('a wrong key is a fault, and no QEMU is left', async () => {
    const guest = await SmallGuest.make();
    const pids: number[] = [];
    const outcome = await guest.launch({
      secrets: new Map([['root', new Secret(randomBytes(32))]]),
      onSpawned: async ({ pid }) => void pids.push(pid),
    });
    expect(outcome).toMatchObject({ ok: false, fault: { code: 'wrong-disk-key' } });
    expect(pids.map((pid) => spawnSync('kill', ['-0', String(pid)]).status)).toEqual([1]);
    expect(await readdir(guest.runFolder)).toEqual(expect.not.arrayContaining(['secret-root']));
  });

  it('a disk that another QEMU has is refused, also when it came by descriptor', async () => {
    const [first, second] = [await SmallGuest.make(), await SmallGuest.make()];
    const running = await first.running();
    await second.open('root', first.disk, 'r+');
    const outcome = await second.launch({ secrets: new Map([['root', first.key]]) });
    expect(outcome).toMatchObject({ ok: false, fault: { code: 'disk-in-use' } });
    await running.stop({ graceMillis: 0 });
    const third = await SmallGuest.make();
    await third.open('root', first.disk, 'r+');
    expect((await third.launch({ secrets: new Map([['root', first.key]]) })).ok).toBe(true);
  });

  it('holds a lock for its life, whoever else let go of it', async () => {
    const guest = await SmallGuest.make();
    const path = join(guest.folder, 'lock');
    const lock = await open(path, 'w');
    expect(spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', lock.fd] }).status).toBe(0);
    const running = await guest.running({ held: [lock.fd] });
    await lock.close();
    const isFree = () => spawnSync('flock', ['-n', path, 'true']).status === 0;
    expect(isFree()).toBe(false);
    await running.stop({ graceMillis: 0 });
    expect(isFree()).toBe(true);
  });

  it('variables without a name can be read while the guest runs', async () => {
    const guest = await SmallGuest.make();
    const running = await guest.running();
    const path = await running.descriptorPath('variables');
    expect(path.ok && (await readFile(path.value)).length).toBe(64 * 1024);
    expect(await running.descriptorPath('other')).toMatchObject({ fault: { code: 'no-such-descriptor' } });
  });

  it("gives QEMU's own words when it does not start", async () => {
    const guest = await SmallGuest.make();
    const outcome = await guest.launch({ machine: { ...guest.shielded, cpu: 'no-such-cpu' } });
    expect(outcome).toMatchObject({ ok: false, fault: { code: 'qemu-failed' } });
    expect(!outcome.ok && outcome.fault.detail).toContain("unable to find CPU model 'no-such-cpu'");
  });

  it('a shielded machine without a user of its own is refused, unless that is said to be meant', async () => {
    const guest = await SmallGuest.make();
    const { identity: _, ...options } = guest.options;
    const { launchQemu } = await import('../src/index.ts');
    expect(await launchQemu(options)).toMatchObject({ fault: { code: 'qemu-identity' } });
    const insecure = await launchQemu({ ...options, insecureSameUser: true });
    expect(insecure.ok && insecure.value.isolation).toMatchObject({ uid: 0, seccomp: true, coreLimitZero: true });
  });

  it('an end by force when nothing else helps', async () => {
    const guest = await SmallGuest.make();
    const running = await guest.running();
    process.kill(running.process.pid, 'SIGSTOP');
    expect(await running.stop({ graceMillis: 100 })).toMatchObject({ how: 'killed', exit: { signal: 'SIGKILL' } });
  });

  it('an end by force at once, also of a QEMU that answers nothing', async () => {
    const guest = await SmallGuest.make();
    const running = await guest.running();
    process.kill(running.process.pid, 'SIGSTOP');
    expect(await running.kill()).toMatchObject({ signal: 'SIGKILL' });
    expect(await running.kill()).toMatchObject({ signal: 'SIGKILL' });
    expect(await running.stop({ graceMillis: 1 })).toMatchObject({ how: 'gone' });
  });

  it('a folder open to others is refused', async () => {
    const guest = await SmallGuest.make();
    spawnSync('chmod', ['755', guest.runFolder]);
    expect(await guest.launch()).toMatchObject({ fault: { code: 'run-folder' } });
    expect(await guest.launch({ runFolder: join(guest.folder, 'x'.repeat(200)) })).toMatchObject({
      fault: { code: 'run-folder' },
    });
  });
});
