import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { parseVmId } from '@sekimori/guest-state';
import { createGuardian } from '@sekimori/key-protector';
import { expectOk, ok } from '@sekimori/result';
import { programsMissing } from '@sekimori/testkit';
import { startSwtpm } from '@sekimori/tpm2-device/swtpm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manufactureVirtualTpm, withVirtualTpm } from '../src/vtpm/index.ts';
import { foreignDisk } from './support/foreign-disk.ts';

const AT = new Date('2026-06-01T00:00:00Z');
const VM = parseVmId('3f1f0f0e-0000-4000-8000-00000000abcd')!;
const needed = ['busybox', 'tpm2', 'cryptsetup', 'swtpm', 'swtpm_setup'] as const;

// The guest's script by the shell and the tools of its initramfs, over a vTPM that is bound to no disk. What it cannot have here is a
// machine: its disks are files, and nobody listens to its port.
describe.skipIf(programsMissing(...needed))('the script in the guest, where its TPM is bound to no disk', () => {
  let folder: string;
  let script: string;
  let swtpm: Awaited<ReturnType<typeof startSwtpm>>;
  const at = (name: string) => join(folder, name);

  beforeAll(async () => {
    folder = await mkdtemp('/dev/shm/guest-script-');
    const source = await readFile(new URL('../guest/sekimori-guest', import.meta.url), 'utf8');
    script = source.replace(/^main "\$@"\n$/m, ''); // its last line
    if (script === source) throw new Error('the script does not end as it did');
    const { keys: owner } = await createGuardian(crypto, 'alice', AT);
    const state = { stateDir: at('vtpm'), stateKey: new Secret(crypto.random(32)) };
    expectOk(await manufactureVirtualTpm({ crypto, owner, vmId: VM, at: AT, ...state }));
    await writeFile(at('raw'), new Uint8Array(1024 * 1024));
    const made = await withVirtualTpm({ crypto, ...state }, async (tpm) => {
      await foreignDisk({ source: at('raw'), target: at('disk'), owner, vmId: VM, disk: 0, tpm });
      return ok(undefined);
    });
    expectOk(made);
    swtpm = await startSwtpm(state);
  });
  afterAll(async () => {
    await swtpm?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function run(
    parts: { readonly disks?: readonly string[]; readonly also?: string } = {},
  ): Promise<{ readonly status: number | null; readonly said: string }> {
    const { disks = [], also = '' } = parts;
    const machine = ['log() { echo "$*" >&2; }', `devices() { echo '${disks.join(' ')}'; }`, 'DISK_SECONDS=2'];
    const lines = [script, ...machine, `W=${at('work')}`, also, 'main'].join('\n');
    const env = { TPM2TOOLS_TCTI: `swtpm:path=${swtpm.socketPath}` };
    const child = spawn('busybox', ['ash', '-c', lines], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const said = text(child.stderr);
    const [status] = (await once(child, 'close')) as [number | null];
    return { status, said: await said };
  }

  it('goes on where no disk says that it is ours', async () => {
    const plain = await run({ disks: [at('raw')] });
    expect(plain).toEqual({ status: 0, said: 'this TPM is bound to no disk\n' });
  });

  it('does not go on where a disk says that it is ours', async () => {
    const refused = await run({ disks: [at('raw'), at('disk')] });
    expect(refused.said).toContain('disk 0 refused (no-pin)');
    expect(refused.status).toBe(1);
  });

  it('does not go on where the TPM does not tell what it is bound to', async () => {
    const also = 'tpm2() { case $* in *handles-nv-index*) return 1 ;; *) command tpm2 "$@" ;; esac; }';
    const failed = await run({ also });
    expect(failed).toEqual({ status: 1, said: 'the TPM does not tell which disks it is bound to\n' });
  });
});
