import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { type CacheMode, createOuterDisk } from '../src/index.ts';
import { missing } from './programs.ts';
import { GREETING, SmallGuest } from './small-guest.ts';

const OVMF = '/usr/share/OVMF';

function loopDevice(file: string): string {
  const { stdout, stderr } = spawnSync('losetup', ['--find', '--show', file]);
  if (stderr.length > 0) throw new Error(stderr.toString());
  return stdout.toString().trim();
}

describe.skipIf(missing('qemu-system-x86_64', 'qemu-img', 'cryptsetup', 'swtpm', 'losetup', 'ip'))('QEMU takes', () => {
  it('a whole shielded machine: Secure Boot firmware, TPM, disks, network, ports', async () => {
    const guest = await SmallGuest.make();
    await copyFile(join(OVMF, 'OVMF_VARS_4M.ms.fd'), join(guest.folder, 'vars.fd'));
    await guest.open('code', join(OVMF, 'OVMF_CODE_4M.secboot.fd'), 'r');
    await guest.open('variables', join(guest.folder, 'vars.fd'), 'r+');
    await guest.open('boot', join(guest.folder, 'root.raw'), 'r');
    await mkdir(join(guest.folder, 'tpm'));
    const controlSocket = join(guest.folder, 'swtpm');
    const state = ['--tpmstate', `dir=${join(guest.folder, 'tpm')}`];
    const swtpm = spawn('swtpm', ['socket', '--tpm2', ...state, '-t', '--ctrl', `type=unixio,path=${controlSocket}`]);
    while (!existsSync(controlSocket)) await sleep(10);
    const port = join(guest.runFolder, 'port,with=comma');
    const running = await guest.running({
      machine: {
        ...guest.shielded,
        type: 'pc-q35-7.2',
        cpus: 2,
        memoryMiB: 128,
        firmware: { code: 'code', variables: 'variables', secureBoot: true },
        tpm: { controlSocket },
        drives: [...guest.shielded.drives, { id: 'boot', descriptor: 'boot', readOnly: true, serial: 'boot-1' }],
        networks: [{ kind: 'user', mac: '52:54:00:00:00:01' }, { kind: 'user' }],
        ports: [{ name: 'sekimori.guest', socket: port }],
      },
    });
    const tpm = await running.qmp.execute('query-tpm');
    expect(tpm).toMatchObject({ value: [{ model: 'tpm-crb' }] });
    const blocks = await running.qmp.execute('query-block');
    expect(JSON.stringify(blocks)).toContain('"ro":true');
    const socket = connect(port);
    await once(socket, 'connect');
    socket.destroy();
    expect(await running.stop({ graceMillis: 0 })).toMatchObject({ how: 'quit', exit: { code: 0, said: '' } });
    swtpm.kill();
  });

  it('what lets the operator look in, where the machine is not shielded', async () => {
    const guest = await SmallGuest.make();
    const inRun = (name: string) => join(guest.runFolder, name);
    const running = await guest.running({
      machine: {
        ...guest.supported,
        serial: { file: inRun('serial,log') },
        screen: { socket: inRun('vnc') },
        guestAgent: { socket: inRun('agent') },
        networks: [],
      },
    });
    while (!(await readFile(inRun('serial,log'), 'latin1').catch(() => '')).includes(GREETING)) await sleep(10);
    const screen = connect(inRun('vnc'));
    expect(String(await once(screen, 'data'))).toMatch(/^RFB /);
    screen.destroy();
    await once(connect(inRun('agent')), 'connect');
    expect((await running.stop({ graceMillis: 60_000 })).how).toBe('powered-down');
  });

  it.each<CacheMode>(['writeback', 'none', 'writethrough', 'directsync'])('the cache mode %s', async (cache) => {
    const guest = await SmallGuest.make();
    const [drive] = guest.shielded.drives;
    const running = await guest.running({ machine: { ...guest.shielded, drives: [{ ...drive!, cache }] } });
    const nodes = expectOk(await running.qmp.execute('query-named-block-nodes', { flat: true })) as readonly {
      readonly 'node-name': string;
      readonly cache: { readonly direct: boolean; readonly 'no-flush': boolean };
    }[];
    const disk = nodes.find((node) => node['node-name'] === 'drive-root');
    expect(disk?.cache).toMatchObject({ direct: cache === 'none' || cache === 'directsync', 'no-flush': false });
  });

  it('a block device, encrypted from another one', async () => {
    const guest = await SmallGuest.make();
    const [clear, encrypted] = ['root.raw', 'root.luks'].map((name) => loopDevice(join(guest.folder, name)));
    try {
      const target = join(guest.folder, 'again.luks');
      expectOk(await createOuterDisk({ source: clear!, target, key: guest.key }));
      expect((await stat(target)).size).toBe((await stat(guest.disk)).size);
      await guest.open('root', encrypted!, 'r+');
      const running = await guest.running();
      const nodes = JSON.stringify(await running.qmp.execute('query-named-block-nodes', { flat: true }));
      expect(nodes).toContain('"drv":"host_device"');
      await running.stop({ graceMillis: 0 });
    } finally {
      for (const device of [clear, encrypted]) spawnSync('losetup', ['-d', device ?? '']);
    }
  });

  it('a tap device', async () => {
    const guest = await SmallGuest.make();
    const name = `qt${process.pid % 100_000}`;
    expect(spawnSync('ip', ['tuntap', 'add', 'dev', name, 'mode', 'tap']).stderr.toString()).toBe('');
    try {
      const running = await guest.running({
        machine: { ...guest.shielded, networks: [{ kind: 'tap', interface: name, mac: '52:54:00:00:00:09' }] },
      });
      expect(spawnSync('ip', ['tuntap', 'list']).stdout.toString()).toMatch(new RegExp(`^${name}: tap`, 'm'));
      await running.stop({ graceMillis: 0 });
    } finally {
      spawnSync('ip', ['tuntap', 'del', 'dev', name, 'mode', 'tap']);
    }
  });

  it('memory that is never swapped', async () => {
    const guest = await SmallGuest.make();
    const running = await guest.running({ machine: { ...guest.shielded, lockMemory: true } });
    const status = await readFile(`/proc/${running.process.pid}/status`, 'utf8');
    const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]);
    expect(kib('VmLck')).toBeGreaterThan(32 * 1024);
    expect(kib('VmSwap')).toBe(0);
    expect(running.isolation).toMatchObject({ dumpable: false, capabilities: false });
  });

  it('a disk whose content looks like another format, as what it is: raw', async () => {
    const guest = await SmallGuest.make();
    const trap = join(guest.folder, 'trap');
    spawnSync('qemu-img', ['create', '-f', 'qcow2', '-b', '/etc/hostname', '-F', 'raw', trap, '1G']);
    await guest.open('trap', trap, 'r+');
    const running = await guest.running({
      machine: { ...guest.shielded, drives: [{ id: 'trap', descriptor: 'trap' }] },
      secrets: new Map(),
    });
    const nodes = JSON.stringify(await running.qmp.execute('query-named-block-nodes', { flat: true }));
    expect(nodes).not.toMatch(/qcow2|hostname/);
    expect(nodes).toContain('"drv":"raw"');
  });

  it('a refusal that quotes a secret back never reaches us with it', async () => {
    const guest = await SmallGuest.make();
    const running = await guest.running();
    const data = `*${randomBytes(24).toString('base64')}`;
    const refused = await running.qmp.execute('object-add', { 'qom-type': 'secret', id: 's', format: 'base64', data });
    expect(refused).toMatchObject({ fault: { code: 'qmp-error', class: 'GenericError' } });
    expect(JSON.stringify(refused)).not.toContain(data.slice(1));
    expect(guest.transcript.join('\n')).not.toContain(data.slice(1));
  });
});
