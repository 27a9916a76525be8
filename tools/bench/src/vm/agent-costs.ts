import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LocalHost, localHost } from './local-host.ts';
import type { Place } from './place.ts';
import { medianOf, Values } from './row.ts';
import { SETTLED } from './shielded-vm.ts';

const KIB = 1024;

/**
 * What the real agent costs in local mode: the command that starts one VM, nothing else running, and what several VMs take in memory.
 * PSS: what programs share is divided among them. The agent's share of one VM is what its own memory, garbage collected, has more while all
 * run than once they have stopped; its program and libraries are the same for any number.
 */
export async function agentCosts(
  place: Place,
  effort: { readonly starts: number; readonly vms: number; readonly rounds: number; readonly settleMillis: number },
): Promise<Values> {
  const { starts, vms, rounds, settleMillis } = effort;
  const values = new Values();
  const names = Array.from({ length: vms }, (_, index) => `vm${index}`);
  await using host = await localHost(place, names);
  const start = (name: string) => host.command('vm', 'start', name);
  const stop = (name: string) => host.command('vm', 'stop', name, '--grace', '0');
  for (let turn = -1; turn < starts; turn++) {
    const from = performance.now();
    await start('vm0');
    if (turn >= 0) values.add('sekimori-host vm start, the command', performance.now() - from);
    await stop('vm0');
  }

  const shares: number[] = [];
  for (let round = -1; round < rounds; round++) {
    for (const name of names) await start(name);
    await sleep(settleMillis);
    const running = await pss(await host.settledAgent());
    for (const name of names) await stop(name);
    await sleep(settleMillis);
    const stopped = await pss(await host.settledAgent());
    if (round < 0) continue; // what is loaded for the first ones stays
    values.add('agent without VMs', stopped.whole);
    shares.push((running.anonymous - stopped.anonymous) / vms);
  }
  for (const share of shares) values.add('agent, share of one VM', share);
  const share = medianOf(shares);

  for (const name of names) await start(name);
  for (const processes of await Promise.all(names.map((name) => settledVm(host, name)))) {
    const [qemu, swtpm] = [await pss(processes.qemu), await pss(processes.swtpm)];
    values.add('QEMU of one VM', qemu.whole);
    values.add('swtpm of one VM', swtpm.whole);
    values.add('swtpm and agent share to QEMU', (swtpm.whole + share) / qemu.whole);
  }
  return values;
}

/** Of a VM whose guest has booted: the numbers of its processes. */
async function settledVm(host: LocalHost, name: string): Promise<{ readonly qemu: number; readonly swtpm: number }> {
  const shown = (await host.command('vm', 'show', name)) as {
    readonly pid: number;
    readonly sockets: { readonly serial: string };
  };
  const { serial } = shown.sockets;
  await says(serial, SETTLED);
  return { qemu: shown.pid, swtpm: await processWith('swtpm', dirname(dirname(serial))) };
}

/** Rejects where the other side ends before. */
async function says(socket: string, wanted: string): Promise<void> {
  let text = '';
  for await (const chunk of connect(socket)) {
    text += String(chunk);
    if (text.includes(wanted)) return;
  }
  throw new Error(`the guest did not say '${wanted}' but: ${text}`);
}

async function processWith(program: string, folder: string): Promise<number> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.startsWith(`${program}\0`) && command.includes(`${folder}/`)) return Number(pid);
  }
  throw new Error(`no ${program} works in ${folder}`);
}

/** The proportional set size of a process in MiB, and the part of it that no file stands for. proc(5), smaps_rollup. */
async function pss(pid: number): Promise<{ readonly whole: number; readonly anonymous: number }> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  const mebibytes = (field: string): number => {
    const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
    if (kibibytes === undefined) throw new Error(`process ${pid} has no ${field}`);
    return Number(kibibytes) / KIB;
  };
  return { whole: mebibytes('Pss'), anonymous: mebibytes('Pss_Anon') };
}
