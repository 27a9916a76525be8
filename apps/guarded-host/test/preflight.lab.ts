import { execFile } from 'node:child_process';
import { appendFile, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { concat, toHex } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { EV, parseEventLog, readEvent } from '@sekimori/event-log';
import { type BootName, buildLab, labIsMissing, type Lab, startMeasuredGuest } from '@sekimori/lab';
import { expectOk } from '@sekimori/result';
import { readPcrs, Tpm } from '@sekimori/tpm2';
import { openTpmSocket } from '@sekimori/tpm2-device';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FORECAST_PCRS } from '../src/preflight/forecast.ts';
import { linuxEnvironment } from '../src/preflight/linux-environment.ts';
import { preflight, type PreflightReport } from '../src/preflight/preflight.ts';

const run = promisify(execFile);
const OFFSET = '@@1M'; // where the partition begins on the lab's disks

interface Booted {
  readonly eventLog: Uint8Array;
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  readonly commandLine: string;
}

describe.skipIf(labIsMissing())('preflight of machines that are really booted', () => {
  let folder: string;
  let lab: Lab;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pre-')); // short: sockets lie in it
    lab = await buildLab(['uki-snakeoil', 'uki-snakeoil-cmdline-changed', 'uki-snakeoil-initrd-changed', 'shim-ms']);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Boots the disk of that name and says what its TPM holds then. */
  async function boot(name: BootName, from: Lab = lab): Promise<Booted> {
    const guest = await startMeasuredGuest({ lab: from, boot: name, stateDir: join(folder, 'vm') });
    try {
      const transport = await openTpmSocket({ path: guest.tpmSocket });
      const read = await readPcrs(new Tpm(transport, crypto), { bank: 'sha256', indices: FORECAST_PCRS });
      await transport.close();
      const commandLine = await readFile(join(guest.evidence, 'cmdline'), 'utf8');
      return { eventLog: guest.eventLog, pcrs: expectOk(read), commandLine };
    } finally {
      await guest.stop();
    }
  }

  /** A system as it lies on the lab's disk, with the variables that the firmware measured. */
  async function systemOf(disk: string, { eventLog, commandLine }: Booted): Promise<string> {
    const root = await mkdtemp(join(folder, 'root-'));
    for (const each of ['efi', 'proc', 'sys/firmware/efi/efivars']) await mkdir(join(root, each), { recursive: true });
    await writeFile(join(root, 'proc/cmdline'), commandLine);
    await run('mcopy', ['-s', '-n', '-i', `${disk}${OFFSET}`, '::/', join(root, 'efi')], { env: MTOOLS });
    const variables = join(root, 'sys/firmware/efi/efivars');
    const set = (name: string, value: Uint8Array) => writeFile(join(variables, name), concat(new Uint8Array(4), value));
    for (const event of expectOk(parseEventLog(eventLog)).events) {
      if (event.type === EV.EV_EFI_VARIABLE_AUTHORITY) continue;
      const { content } = readEvent(crypto, event, event.digests.get('sha256') ?? new Uint8Array(), 'sha256');
      if (content.is === 'variable') await set(`${content.name}-${content.guid}`, content.value);
      if (content.is === 'variable' && content.name === 'BootOrder')
        await set(`BootCurrent-${content.guid}`, content.value.subarray(0, 2));
    }
    return root;
  }

  async function ask(root: string, disk: string, { eventLog, pcrs }: Booted): Promise<PreflightReport> {
    const environment = await linuxEnvironment({ root, disk });
    const attestation = { outcome: 'passed', at: '2026-01-01T00:00:00.000Z', code: 'passed' } as const;
    return expectOk(await preflight({ crypto, eventLog, environment, attestation, tpmPcrs: pcrs }));
  }

  const diskOf = (name: BootName, { folder: at }: Lab = lab) => join(at, 'disks', `${name}.img`);
  /** Every PCR as it is foretold, none of them unknown. */
  const foretold = ({ pcrs }: PreflightReport) =>
    pcrs.map(({ state, now, next }) => (state === 'unknown' ? state : (next ?? now)));
  const held = ({ pcrs }: Booted) => FORECAST_PCRS.map((index) => toHex(pcrs.get(index)!));
  const changing = ({ pcrs }: PreflightReport) =>
    pcrs.filter(({ state }) => state !== 'same').map(({ index }) => index);

  it('tells that the same unified kernel image would pass, and exactly which PCRs another one gives', async () => {
    const now = await boot('uki-snakeoil');
    const disk = diskOf('uki-snakeoil');
    const same = await ask(await systemOf(disk, now), disk, now);
    expect(same).toMatchObject({ verdict: 'would-pass', findings: [] });
    expect(foretold(same)).toEqual(held(now));
    for (const name of ['uki-snakeoil-cmdline-changed', 'uki-snakeoil-initrd-changed'] as const) {
      const changed = await ask(await systemOf(diskOf(name), now), disk, now);
      expect(changing(changed), name).toEqual([4, 9, 11]);
      expect(changed.verdict).toBe('unknown');
      expect(foretold(changed), name).toEqual(held(await boot(name)));
    }
  });

  it('tells that shim, GRUB and kernel would pass, and exactly which PCRs another initrd gives', async () => {
    const now = await boot('shim-ms');
    const disk = diskOf('shim-ms');
    const root = await systemOf(disk, now);
    expect(await ask(root, disk, now)).toMatchObject({ verdict: 'would-pass', findings: [] });

    const initrd = join(root, 'efi/initrd.img');
    await appendFile(initrd, new Uint8Array(512)); // the kernel skips zeros between archives
    const other = { folder: join(folder, 'lab') };
    await mkdir(join(other.folder, 'disks'), { recursive: true });
    await symlink(join(lab.folder, 'ca'), join(other.folder, 'ca'));
    await copyFile(disk, diskOf('shim-ms', other));
    await run('mcopy', ['-o', '-i', `${diskOf('shim-ms', other)}${OFFSET}`, initrd, '::/initrd.img'], { env: MTOOLS });
    const changed = await ask(root, disk, now);
    expect(changing(changed)).toEqual([9]);
    expect(foretold(changed)).toEqual(held(await boot('shim-ms', other)));
  });

  it('tells that Secure Boot refuses an image that nobody signed', async () => {
    const { eventLog, pcrs, commandLine } = await boot('uki-snakeoil');
    const now = { eventLog, pcrs, commandLine };
    const disk = diskOf('uki-snakeoil');
    const root = await systemOf(disk, now);
    const file = join(root, 'efi/EFI/BOOT/BOOTX64.EFI');
    await run('sbattach', ['--remove', file]);
    await expect(run('sbverify', ['--cert', '/usr/share/ovmf/PkKek-1-snakeoil.pem', file])).rejects.toThrow();
    const report = await ask(root, disk, now);
    expect(report).toMatchObject({ verdict: 'would-not' });
    expect(report.findings.map(({ id }) => id)).toContain('image-refused');
  });
});

const MTOOLS = { ...process.env, MTOOLS_SKIP_CHECK: '1' };
