import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { attestationRoutes } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import { virtualHost } from '@sekimori/testkit';
import { describe, expect, it } from 'vitest';
import { bootLog } from './support/boot-log.ts';
import { startHgs } from './support/hgs.ts';
import { anImageSigner, aUki, signedImage } from './support/pe-image.ts';
import { jsonOf, sekimoriHost } from './support/program.ts';
import { listenAsTpm } from './support/tpm-socket.ts';
import {
  aMachine,
  EXIT_EVENTS,
  firmwareEvents,
  gptEvent,
  IMAGE,
  imageStarted,
  PARTITION,
  PLAIN_FIRMWARE,
  signatureLists,
  stubEvents,
  ukiSections,
  vouchedBy,
} from './support/uki-machine.ts';

const hgs = await startHgs();

describe('sekimori-host preflight', () => {
  it('goes from a boot that passed to one that is not approved, and back', async () => {
    const signer = await anImageSigner('owner');
    const { der } = signer.certificate;
    const firmware = { ...PLAIN_FIRMWARE, secureBoot: true, db: signatureLists('x509', der) };
    const image = await signedImage(aUki(), signer);
    const disk = await aMachine(firmware, { [IMAGE]: image });
    const { folder } = disk;
    const eventLog = bootLog([
      ...firmwareEvents(firmware),
      vouchedBy(der),
      gptEvent(),
      imageStarted(image, '\\EFI\\BOOT\\BOOTX64.EFI', PARTITION),
      ...stubEvents(ukiSections()),
      ...EXIT_EVENTS,
    ]);
    await writeFile(join(folder, 'log'), eventLog);
    await writeFile(join(folder, 'proc/cmdline'), 'console=ttyS0 quiet\n');
    const machine = await virtualHost({ crypto, boot: eventLog });
    await hgs.trust(machine.vendorCa.certificate.der);
    await listenAsTpm(machine.software.transport, join(folder, 'tpm.sock'));
    const config = join(folder, 'host.json');
    const settings = {
      name: 'node-p',
      stateFolder: 'state',
      tpm: { swtpm: { socket: 'tpm.sock' } },
      eventLog: 'log',
      signers: hgs.caFile,
      attestation: { url: hgs.services.attestationUrl, ca: hgs.caFile },
    };
    await writeFile(config, JSON.stringify(settings));
    const run = (...args: readonly string[]) => sekimoriHost([...args, '--config', config]);
    const places = ['--root', folder, '--disk', join(folder, 'disk')];

    const before = await run('preflight', ...places, '--json');
    expect(before.status).toBe(8);
    expect(jsonOf(before)).toMatchObject({ verdict: 'unknown', attestation: { outcome: 'unknown' }, findings: [] });

    const { hostId, ekFingerprint } = jsonOf(await run('identity', '--enrol', '--json'));
    await hgs.approve(String(hostId), String(ekFingerprint));
    expect(jsonOf(await run('identity', '--enrol', '--json'))).toMatchObject({ state: 'active' });
    expect((await run('attest')).status).toBe(3);
    const refused = await run('preflight', ...places, '--json');
    expect(refused.status).toBe(7);
    expect(jsonOf(refused)).toMatchObject({ verdict: 'would-not', attestation: { outcome: 'refused' } });
    await hgs.captureBaseline(String(hostId), 'node-p');
    expect((await run('attest')).status).toBe(0);

    const passes = await run('preflight', ...places);
    expect(passes).toMatchObject({ status: 0, stderr: '' });
    expect(passes.stdout).toMatch(/^verdict: +would-pass\n/);

    await disk.put(IMAGE, await signedImage(aUki({ initrd: 'new' }), signer));
    const changed = await run('preflight', ...places, '--json');
    expect(changed.status).toBe(8);
    const { pcrs } = jsonOf(changed) as { pcrs: { index: number; state: string; next?: string; quoted: boolean }[] };
    const changing = pcrs.filter(({ state }) => state === 'changes');
    expect(changing.map(({ index }) => index)).toEqual([4, 9, 11]);
    expect(changing[0]).toMatchObject({ quoted: true, next: expect.stringMatching(/^[0-9a-f]{64}$/) as string });

    const approved = join(folder, 'baselines.json');
    const list = expectOk(await hgs.administrator.call(attestationRoutes.listBaselines));
    await writeFile(approved, JSON.stringify(list));
    const compared = await run('preflight', ...places, '--approved', approved);
    expect(compared.status).toBe(7);
    expect(compared.stdout).toContain('none of the approved boots');
    expect(compared.stdout).toMatch(/\n {3}4 {2}changes\n {6}now {3}[0-9a-f]{64}\n {6}next {2}[0-9a-f]{64}\n/);
    const [baseline] = list.baselines;
    const valueOf = (index: number) => pcrs.find((pcr) => pcr.index === index)?.next;
    const nextPcrs = baseline!.pcrs.map(({ index, value }) => ({ index, value: valueOf(index) ?? value }));
    const withNext = { ...baseline!, name: 'next', pcrs: nextPcrs };
    await writeFile(approved, JSON.stringify({ baselines: [...list.baselines, withNext] }));
    expect((await run('preflight', ...places, '--approved', approved)).status).toBe(0);
    await writeFile(approved, JSON.stringify({ baselines: [{ ...withNext, state: 'retired' }] }));
    expect((await run('preflight', ...places, '--approved', approved)).status).toBe(7);
  }, 120_000);

  it.each([
    ['no such file', 'none.json'],
    ['a file of something else', 'host.json'],
  ])('refuses approved boots from %s', async (_, name) => {
    const { folder } = await aMachine(PLAIN_FIRMWARE, {});
    const config = join(folder, 'host.json');
    await writeFile(config, JSON.stringify({ stateFolder: 'state' }));
    const ran = await sekimoriHost(['preflight', '--config', config, '--approved', join(folder, name)]);
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(ran.stderr).toContain("hint: an administrator makes it: 'sekimori baseline list --json'");
  });

  it('tells that there is no event log', async () => {
    const { folder } = await aMachine(PLAIN_FIRMWARE, {});
    const config = join(folder, 'host.json');
    await writeFile(config, JSON.stringify({ stateFolder: 'state', eventLog: 'none' }));
    const ran = await sekimoriHost(['preflight', '--config', config, '--json']);
    expect(ran.status).toBe(5);
    expect(jsonOf(ran)).toMatchObject({ fault: { code: 'event-log-unreadable' } });
  });
});
