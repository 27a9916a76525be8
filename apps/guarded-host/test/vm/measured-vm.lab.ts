import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromBase64Url } from '@sekimori/bytes';
import type { Client } from '@sekimori/client';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { keepGuardian, makeGuardian } from '@sekimori/guardian-files';
import { parseGuardianMetadata } from '@sekimori/key-protector';
import { buildShieldedLab, labIsMissing, MARKER, type ShieldedLab, tinyGuestImage } from '@sekimori/lab';
import { keyProtectionRoutes } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { takeIn } from '../support/administration.ts';
import { type Hgs, openHgs } from '../support/hgs.ts';
import { aMeasuredHost, type MeasuredHost } from '../support/measured-host.ts';
import { jsonOf, sekimoriHost } from '../support/program.ts';
import { startAgentProcess } from './support/agent-process.ts';
import type { Daemon } from './support/daemon.ts';
import { aPlace, serialText } from './support/vm-host.ts';

const MESSAGE = 'hello from the outer disk';

// One host from boot to boot: each test goes on where the one before ended. Its guests run beside it, never inside.
describe.skipIf(labIsMissing('shielded'))('VMs on a host whose boots are really measured', () => {
  let hgs: Hgs;
  let machine: MeasuredHost;
  let place: Awaited<ReturnType<typeof aPlace>>;
  let lab: ShieldedLab;
  let agent: Daemon | undefined;
  let config: string;
  let keyProtection: Client;
  const sekimori = (...args: readonly string[]) => sekimoriHost([...args, '--config', config, '--json']);
  /** Whose failure is told in its own words. */
  const done = async (...args: readonly string[]) => {
    const ran = await sekimori(...args);
    if (ran.status !== 0) throw new Error(`${args.join(' ')}: ${ran.stdout}${ran.stderr}`);
    return jsonOf(ran);
  };

  beforeAll(async () => {
    [hgs, place, lab] = [await openHgs(), await aPlace(), await buildShieldedLab()];
    const { code, variables } = lab.firmware;
    machine = await aMeasuredHost(hgs, {
      vms: {
        folders: [join(place.folder, 'vms')],
        allow: { accelerators: ['tcg'] },
        runFolder: join(place.folder, 'run'),
        guardians: join(place.folder, 'tenant', 'guardians'),
        firmware: { secureBoot: { code, variables } },
      },
    });
    await mkdir(join(place.folder, 'vms'), { mode: 0o700 });
  });
  afterAll(async () => {
    await agent?.end();
    await machine?.remove();
    await hgs?.close();
    await place?.remove();
  });

  it('is attested by its agent', async () => {
    const { deps, pair, vendor, configFile } = await machine.boot('uki-snakeoil');
    [config, keyProtection] = [configFile, pair.keyProtection[0]!.nodes[0]!.client];
    await hgs.trust(vendor.root);
    const { first } = await takeIn(hgs, deps, { name: 'measured', intermediates: vendor.intermediates });
    expect(first).toMatchObject({ fault: { code: 'policy-denied' } });
    agent = await startAgentProcess(config);
    await done('wait', '--guarded', '--timeout', '60');
  });

  it('gets two VMs from a tenant: one that opens its disk itself, one whose disk the host opens', async () => {
    const guardians = join(place.folder, 'tenant', 'guardians');
    expectOk(await makeGuardian(guardians, 'alice', new Date()));
    const { metadata } = expectOk(await keyProtection.call(keyProtectionRoutes.guardian));
    const bytes = fromBase64Url(metadata)!;
    expectOk(parseGuardianMetadata(crypto, bytes));
    expectOk(await keepGuardian(guardians, 'fabric', bytes));

    const tcg = ['--accelerator', 'tcg', '--cpus', '1'];
    await done('vm', 'create', 'sealed', ...tcg, '--memory', '512', '--disk', 'system=boot', 'data=guest');
    const parties = ['--owner', 'alice', '--guardian', 'fabric'];
    const disks = ['--disk', `system=${lab.image('guest-snakeoil')}`, `data=${lab.template}`];
    await done('vm', 'shield', 'sealed', ...parties, ...disks);

    const definition = join(place.folder, 'tiny.yaml');
    await writeFile(definition, TINY);
    await done('vm', 'create', 'tiny', '--definition', definition);
    const image = join(place.folder, 'tiny.clear');
    await writeFile(image, tinyGuestImage({ message: MESSAGE, countOnDisk: true, mode: 'shutdown' }));
    await done('vm', 'shield', 'tiny', ...parties, '--disk', `disk=${image}`);
    expect(await done('vm', 'list')).toMatchObject({
      vms: [
        { name: 'sealed', state: 'stopped', security: 'shielded' },
        { name: 'tiny', state: 'stopped', security: 'encryption-supported' },
      ],
    });
  });

  it('starts the guest that opens its disk with the key from its own vTPM', async () => {
    const disk = join(place.folder, 'vms', 'sealed', 'data.img');
    expect((await readFile(disk)).includes(MARKER)).toBe(false);
    expect(await done('vm', 'start', 'sealed')).toMatchObject({
      usedLastKnownGood: false,
      traceId: expect.any(String) as string,
    });
    const said = await untilTheGuestSays('sealed', 'markers');
    expect(said).toContain('disk 0 open: tpm');
    expect(said.some((note) => note.includes(MARKER))).toBe(true);
    await untilItStopped('sealed');
    expect((await readFile(disk)).includes(MARKER)).toBe(false);
  });

  it('starts the guest on the disk that the host opens', async () => {
    await done('vm', 'start', 'tiny');
    const { sockets } = (await done('vm', 'show', 'tiny')) as { sockets: Record<string, string> };
    expect(await serialText(sockets['serial']!, 'by the disk')).toContain(MESSAGE);
    await untilItStopped('tiny');
  });

  it('is refused the keys of both after another boot', async () => {
    await agent?.end();
    ({ configFile: config } = await machine.boot('uki-snakeoil-cmdline-changed'));
    agent = await startAgentProcess(config);
    for (const name of ['sealed', 'tiny']) {
      const refused = await sekimori('vm', 'start', name);
      expect(refused).toMatchObject({ status: 3 });
      expect(jsonOf(refused)).toMatchObject({
        fault: { code: 'policy-denied', subStatus: ['CodeIntegrityPolicy', 'SecureBootSettings'] },
      });
      expect(await done('vm', 'show', name)).toMatchObject({ state: 'stopped' });
    }
  });

  it('starts them again after the approved boot', async () => {
    await agent?.end();
    ({ configFile: config } = await machine.boot('uki-snakeoil'));
    agent = await startAgentProcess(config);
    await done('vm', 'start', 'tiny');
    const { sockets } = (await done('vm', 'show', 'tiny')) as { sockets: Record<string, string> };
    expect(await serialText(sockets['serial']!, 'by the disk: 0000000000000002')).toContain(MESSAGE);
    await untilItStopped('tiny');
  });

  /** What the guest's part reports, once one of its notes begins so. */
  async function untilTheGuestSays(name: string, beginning: string): Promise<readonly string[]> {
    for (;;) {
      const { guest, lastRun } = (await done('vm', 'show', name)) as { guest?: Said; lastRun?: { guest: Said } };
      const said = (guest ?? lastRun?.guest)?.notes ?? [];
      if (said.some((note) => note.startsWith(beginning))) return said;
      if (!guest) throw new Error(`${name} ended without a word: ${await agent?.said()}`);
      await sleep(200);
    }
  }
  async function untilItStopped(name: string): Promise<void> {
    while (((await done('vm', 'show', name)) as { state: string }).state === 'running') await sleep(200);
  }
});

interface Said {
  readonly notes: readonly string[];
}

const TINY = `security: encryption-supported
machine: { accelerator: tcg, cpus: 1, memoryMiB: 128 }
firmware: { secureBoot: false }
disks: [{ name: disk, file: disk.img, mode: outer, bootIndex: 0 }]
devices: { serial: true }
`;
