import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { releaseLocally, type ReleaseKeys, VirtualMachines, type VmSettings, vmSettings } from '@sekimori/guarded-host';
import { createGuardian } from '@sekimori/key-protector';
import { expectOk } from '@sekimori/result';
import { type BareQemu, startBare } from './bare-qemu.ts';
import { aMeasuredHost, type MeasuredHost } from './measured-host.ts';
import type { Place } from './place.ts';
import { Values } from './row.ts';
import { startServices } from './services.ts';
import { ALLOW, aShieldedVm, BENCH_HOST } from './shielded-vm.ts';

/**
 * From the call to `start` until QEMU has resumed the guest, beside a bare QEMU. The ways take turns, so that whatever else the machine
 * does meets all of them; each start is compared with the bare one of its turn. One turn before them is not counted.
 */
export async function startTimes(place: Place, turns: number, withShielded: boolean): Promise<Values> {
  await using services = await startServices(place.folder);
  await using measured = await aMeasuredHost(place.folder, services);
  const { keys: owner } = await createGuardian(crypto, 'owner', new Date());
  const settings = vmSettings({ folders: [join(place.folder, 'vms')], runFolder: place.runFolder, allow: ALLOW });
  await aShieldedVm(settings, 'own', { owner, guardians: [] });
  await aShieldedVm(settings, 'released', { owner, guardians: [services.fabric] });
  if (withShielded) await aShieldedVm(settings, 'shielded', { owner, guardians: [], security: 'shielded' });
  const local = await machinesOf(settings, 'local', releaseLocally(crypto, [owner]));
  const guarded = await machinesOf(settings, 'guarded', measured.release);
  const { plain, secureBoot } = settings.firmware;
  const bare = (qemu: BareQemu) => startBare(place.runFolder, qemu);

  const values = new Values();
  for (let turn = -1; turn < turns; turn++) {
    const counted = turn < 0 ? new Values() : values;
    const bareMillis = await bare({ firmware: plain });
    counted.add('bare QEMU', bareMillis);
    await timed(local, 'own', { mode: 'local mode', bareMillis, values: counted });
    await timedWithTpm(guarded, measured, { bareMillis, values: counted });
    if (!withShielded) continue;
    const bareSecureBoot = await bare({ firmware: secureBoot, secureBoot: true });
    counted.add('bare QEMU, Secure Boot', bareSecureBoot);
    const locked = await bare({ firmware: secureBoot, secureBoot: true, lockMemory: true });
    counted.add('bare QEMU, Secure Boot, memory locked', locked);
    await timed(local, 'shielded', { mode: 'shielded', bareMillis: bareSecureBoot, values: counted });
  }
  return values;
}

async function machinesOf(settings: VmSettings, name: string, release: ReleaseKeys): Promise<VirtualMachines> {
  const runFolder = join(settings.runFolder, name);
  await mkdir(runFolder, { mode: 0o711 });
  return VirtualMachines.open({
    settings: { ...settings, runFolder },
    claimant: BENCH_HOST,
    release,
    now: () => new Date(),
    log: () => {},
  });
}

interface Turn {
  readonly mode: string;
  readonly bareMillis: number;
  readonly values: Values;
}

/** Milliseconds beyond the bare QEMU. */
async function timed(machines: VirtualMachines, vm: string, { mode, bareMillis, values }: Turn): Promise<number> {
  const start = performance.now();
  const { phases } = expectOk(await machines.start(vm));
  const millis = performance.now() - start;
  values.add(`vm start, ${mode}`, millis);
  for (const each of phases) values.add(`${mode}: ${each.phase}`, each.millis);
  values.add(`${mode}, beyond bare QEMU`, millis - bareMillis);
  expectOk(await machines.stop(vm, { graceSeconds: 0 }));
  return millis - bareMillis;
}

async function timedWithTpm(machines: VirtualMachines, host: MeasuredHost, turn: Omit<Turn, 'mode'>): Promise<void> {
  host.takeTpmUse();
  const beyond = await timed(machines, 'released', { mode: 'services', ...turn });
  const { commands, millis } = host.takeTpmUse();
  turn.values.add('TPM time per roll', millis);
  turn.values.add('TPM commands per roll', commands);
  turn.values.add('services, beyond bare QEMU and TPM', beyond - millis);
}
