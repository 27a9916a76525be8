import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { labIsMissing, tinyGuestImage } from '@sekimori/lab';
import { opensWith } from '@sekimori/qemu';
import { expectOk } from '@sekimori/result';
import { rootMissing } from '@sekimori/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRecovery } from '../../src/guest-disk/index.ts';
import { generationPaths } from '../../src/vm/folder/layout.ts';
import { releaseLocally, type ReleaseKeys } from '../../src/vm/keys.ts';
import type { VmSettings } from '../../src/vm/settings.ts';
import { knownVm, unlock } from '../../src/vm/unlock.ts';
import type { VirtualMachines } from '../../src/vm/virtual-machines.ts';
import { parseVmId } from '@sekimori/guest-state';
import { filesWith, formsOf, processesWith } from './support/traces.ts';
import { aPlace, aShieldedVm, fabric, owner, serialText, vmHost, vmSettings } from './support/vm-host.ts';

const MESSAGE = 'what only the guest may read';
const run = promisify(execFile);
const copyOf = (secret: Secret) => secret.use((bytes) => new Secret(bytes));

// Root: the VM runs under another user then, and core files can be looked for wherever the kernel puts them.
const isMissing = labIsMissing('outer') || rootMissing('VMs under another user');

describe.skipIf(isMissing)('the secrets of a VM that runs', () => {
  let place: Awaited<ReturnType<typeof aPlace>>;
  let settings: VmSettings;
  let host: VirtualMachines;
  let folder: string;
  let pid: number;
  let image: Uint8Array;
  const log: string[] = [];
  /** As they were in use, by name. */
  const secrets = new Map<string, Secret>();

  beforeAll(async () => {
    place = await aPlace();
    settings = await vmSettings(place.folder);
    // Inherited: whoever leaves no core file does so by itself.
    await run('prlimit', [`--pid=${process.pid}`, '--core=unlimited']);
    const inner = releaseLocally(crypto, [fabric]);
    const release: ReleaseKeys = async (protector) => {
      const released = await inner(protector);
      if (released.ok)
        for (const [name, key] of Object.entries(released.value.keys))
          secrets.set(`${name} transport key`, copyOf(key));
      return released;
    };
    host = await vmHost(settings, { log, release });
    image = tinyGuestImage({ message: MESSAGE, mode: 'stay' });
    const made = await aShieldedVm(settings, 'tiny', { image });
    folder = made.folder;
    const { state } = expectOk(await unlock(crypto, expectOk(await knownVm(crypto, folder)), inner));
    secrets.set('vTPM state key', state.vtpmStateKey);
    secrets.set('disk key', state.diskKeys.get('disk')!);
    const recovery = await readFile(join(folder, 'recovery.bin'));
    const { recoveryKey, ownerAuth } = expectOk(await openRecovery(crypto, owner, parseVmId(made.id)!, recovery));
    secrets.set('recovery key', recoveryKey).set("owner's authorization", ownerAuth);
    ({ pid } = expectOk(await host.start('tiny')));
    const { sockets } = expectOk(await host.show('tiny'));
    await serialText(sockets!['serial']!, MESSAGE);
  });
  afterAll(async () => {
    await host?.stop('tiny', { graceSeconds: 0 });
    await host?.close();
    await place?.remove();
  });

  it('are six, all of them random', () => {
    expect([...secrets.keys()].toSorted()).toEqual([
      'disk key',
      'egress transport key',
      'ingress transport key',
      "owner's authorization",
      'recovery key',
      'vTPM state key',
    ]);
    expect([...secrets.values()].every((secret) => secret.use((bytes) => bytes.some((byte) => byte !== 0)))).toBe(true);
  });

  it('stand in no file of the VM, of the host, or of the folders for temporary files', async () => {
    // the search finds what is there
    const planted = join(place.folder, 'planted');
    await writeFile(planted, Buffer.concat([Buffer.alloc(1000), formsOf(secrets.get('disk key')!)[1]!]));
    expect(await filesWith(place.folder, formsOf(secrets.get('disk key')!))).toEqual([planted]);
    await rm(planted);
    for (const [name, secret] of secrets)
      for (const where of [place.folder, '/dev/shm', '/run'])
        expect(await filesWith(where, formsOf(secret)), `${name} in ${where}`).toEqual([]);
  });

  it('stand in no command line and no environment', async () => {
    const witness = spawn('sleep', ['60'], { env: { KEY: formsOf(secrets.get('disk key')!)[1]!.toString() } });
    expect(await processesWith(formsOf(secrets.get('disk key')!))).toEqual([`${witness.pid} environ`]);
    witness.kill('SIGKILL');
    for (const [name, secret] of secrets) expect(await processesWith(formsOf(secret)), name).toEqual([]);
  });

  it('stand in no log, and neither does what the guest shows', async () => {
    const lines = Buffer.from(log.join('\n'));
    expect(lines.includes('started')).toBe(true);
    for (const [name, secret] of secrets)
      expect(
        formsOf(secret).some((form) => lines.includes(form)),
        name,
      ).toBe(false);
    const shown = [Buffer.from(MESSAGE), Buffer.from(MESSAGE, 'utf16le')];
    expect(Buffer.from(image).includes(shown[1]!)).toBe(true);
    expect(await filesWith(place.folder, shown)).toEqual([]);
  });

  it('leave the image closed to everything without a release', async () => {
    const disk = join(folder, 'disk.img');
    expect(expectOk(await opensWith(disk, new Secret(crypto.random(32))))).toBe(false);
    const copy = join(place.folder, 'copy.img');
    await cp(disk, copy);
    await expect(
      run('qemu-img', ['convert', '-O', 'raw', '--image-opts', `driver=luks,file.filename=${copy}`, `${copy}.raw`]),
    ).rejects.toThrow('key-secret');
    const nothing = join(place.folder, 'nothing');
    await writeFile(nothing, '00'.repeat(32));
    await expect(
      run('/usr/sbin/cryptsetup', ['open', '--test-passphrase', '--key-file', nothing, copy]),
    ).rejects.toThrow('No key available');
    const state = join(place.folder, 'vtpm-copy');
    await mkdir(state);
    await cp(join(generationPaths(folder, 2n).vtpm, 'tpm2-00.permall'), join(state, 'tpm2-00.permall'));
    for (const key of [[], ['--key', `file=${nothing},mode=aes-256-cbc`]]) {
      const tried = run('swtpm', [
        'socket',
        '--tpm2',
        '--tpmstate',
        `dir=${state}`,
        ...key,
        '--ctrl',
        `type=unixio,path=${state}/c`,
        '--server',
        `type=unixio,path=${state}/d`,
        '--flags',
        'not-need-init,startup-clear',
      ]);
      await expect(tried).rejects.toThrow('Command failed');
    }
  });

  it('stand in no core file, though QEMU and swtpm are made to crash', async () => {
    const cores = join(place.folder, 'cores');
    await mkdir(cores);
    await chmod(cores, 0o777);
    const pattern = '/proc/sys/kernel/core_pattern';
    const before = await readFile(pattern, 'utf8');
    const record = JSON.parse(await readFile(join(host.running('tiny')!.parts.runFolder, 'run.json'), 'utf8'));
    const [swtpm, uid] = [Number(record.swtpm), Number(record.uid)];
    await writeFile(pattern, `${cores}/core.%e`);
    try {
      const witness = spawn('sh', ['-c', 'kill -SEGV $$'], { uid, gid: uid });
      await once(witness, 'exit');
      expect(await readdir(cores)).toEqual(['core.sh']);
      for (const victim of [swtpm, pid]) process.kill(victim, 'SIGSEGV');
      await host.running('tiny')?.ended;
      expect(await readdir(cores)).toEqual(['core.sh']);
    } finally {
      await writeFile(pattern, before);
    }
  });
});
