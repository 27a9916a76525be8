import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { utf8 } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { makeGuardian, ownGuardian } from '@sekimori/guardian-files';
import { parseVmId, type VmId } from '@sekimori/guest-state';
import { expectOk, ok } from '@sekimori/result';
import { boot, measureInto, programsMissing } from '@sekimori/testkit';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { HostSettings } from '../../src/config.ts';
import { readRecoveryAnswer } from '../../src/guest-disk/index.ts';
import { approveBootAction } from '../../src/program/actions/vm/approve-boot.ts';
import { recoverAction } from '../../src/program/actions/vm/recovery.ts';
import { shieldAction } from '../../src/program/actions/vm/shield.ts';
import { createVm } from '../../src/vm/create.ts';
import { generationPaths, vmPaths } from '../../src/vm/folder/layout.ts';
import { releaseLocally } from '../../src/vm/keys.ts';
import { shieldVm } from '../../src/vm/shield.ts';
import { knownVm, unlock } from '../../src/vm/unlock.ts';
import { withVirtualTpm } from '../../src/vtpm/index.ts';
import { guestRequest } from '../support/guest-tpm.ts';
import { jsonOf, sekimoriHost } from '../support/program.ts';
import { aPlace, claimantNamed, vmSettings } from './support/vm-host.ts';

// A VM whose folder lies on storage that somebody else writes to, and its owner's commands over it. No disk of it is encrypted here.
describe.skipIf(programsMissing('swtpm', 'swtpm_setup'))('an owner who is asked to sign', () => {
  let settings: HostSettings;
  let folder: string;
  let id: VmId;
  const at = (name: string) => join(settings.vms.guardians!, '..', name);
  const clock = new Date('2026-06-01T00:00:00Z');

  beforeAll(async () => {
    const place = await aPlace();
    const vms = await vmSettings(place.folder, { guardians: join(place.folder, 'tenant', 'guardians') });
    settings = { vms } as HostSettings; // the owner's commands look at nothing else
    for (const name of ['alice', 'mallory']) expectOk(await makeGuardian(vms.guardians!, name, clock));
    const owner = expectOk(await ownGuardian(vms.guardians!, 'alice'));
    const made = await createVm(vms.folders[0]!, 'db1', {
      security: 'encryption-supported',
      machine: { accelerator: 'tcg', cpus: 1, memoryMiB: 128 },
      firmware: { secureBoot: false },
      disks: [{ name: 'system', file: 'system.img', mode: 'boot', bootIndex: 0 }],
    });
    folder = expectOk(made).folder;
    id = parseVmId(expectOk(made).id)!;
    await writeFile(at('image'), 'an image');
    const shielded = await shieldVm({
      folder,
      owner,
      guardians: [],
      sources: new Map([['system', at('image')]]),
      nvram: utf8('nvram'),
      bootPolicies: [],
      claimant: claimantNamed('owner'),
      at: clock,
    });
    expectOk(shielded);
    const vm = expectOk(await knownVm(crypto, folder));
    const { state } = expectOk(await unlock(crypto, vm, releaseLocally(crypto, [owner])));
    const vtpm = { stateDir: generationPaths(folder, vm.newest).vtpm, stateKey: state.vtpmStateKey };
    const asked = await withVirtualTpm({ crypto, ...vtpm }, async (tpm) => {
      await measureInto(tpm, boot('uki-snakeoil'));
      return ok((await guestRequest(tpm, id)).bytes());
    });
    await writeFile(at('request'), expectOk(asked));
    return () => place.remove();
  });

  const approve = (owner: string, image = 'image') =>
    approveBootAction(settings, { args: ['db1'], env: {}, options: { owner, bootDisk: at(image) } });
  const recover = (owner: string, out: string, more: { readonly yes?: boolean } = {}) =>
    recoverAction(settings, {
      args: ['db1'],
      env: {},
      options: { owner, request: at('request'), out: at(out), ...more },
    });

  it('signs nothing for a VM of somebody else', async () => {
    expect(await approve('mallory')).toMatchObject({ fault: { code: 'vm-owner-mismatch' } });
    expect(await recover('mallory', 'stolen', { yes: true })).toMatchObject({ fault: { code: 'vm-owner-mismatch' } });
    await expect(readFile(at('stolen'))).rejects.toThrow('ENOENT');
  });

  it('does not approve a boot with other firmware than the policy says (the definition is not signed)', async () => {
    const { definition } = vmPaths(folder);
    const text = await readFile(definition, 'utf8');
    onTestFinished(() => writeFile(definition, text));
    await writeFile(definition, text.replace('secureBoot: false', 'secureBoot: true'));
    expectOk(await knownVm(crypto, folder)); // more than the policy asks for
    expect(await approve('alice')).toMatchObject({ fault: { code: 'vm-definition-refused' } });
  });

  it('is shown the id of the VM that asks before an answer and with it, as a folder may be another than it seems', async () => {
    const asked = await recover('alice', 'answer');
    expect(asked).toMatchObject({ fault: { code: 'not-confirmed', detail: expect.stringContaining(id) as string } });
    const answered = expectOk(await recover('alice', 'answer', { yes: true }));
    expect(answered.document).toMatchObject({ vm: 'db1', id });
    expect(answered.lines.join('\n')).toContain(id);
    expectOk(readRecoveryAnswer(await readFile(at('answer'))));
  });

  it.each([
    ['add-boot-policy', '--file'],
    ['recover', '--owner', 'alice', '--out', 'none', '--request'],
    ['recovery-answer', '--file'],
  ])('is told which file is missing: %s', async (command, ...args) => {
    const missing = at('nope.json');
    const ran = await sekimoriHost(['vm', command, 'db1', ...args, missing, '--json']);
    expect(ran.status).toBe(2);
    expect(jsonOf(ran)).toEqual({ fault: { code: 'usage', detail: `there is no file ${missing}` } });
  });

  it('is told so of the image to boot and of the variables, before a TPM is made', async () => {
    const missing = { fault: { code: 'usage', detail: `there is no file ${at('nope')}` } };
    expect(await approve('alice', 'nope')).toMatchObject(missing);
    const options = { owner: 'alice', trial: false, nvram: at('nope') };
    expect(await shieldAction(settings, { args: ['db1'], env: {}, options })).toMatchObject(missing);
  });

  it("is asked for the image to boot: that of the folder is the storage's", async () => {
    const { status, stderr } = await sekimoriHost(['vm', 'approve-boot', 'db1', '--owner', 'alice']);
    expect(status).toBe(2);
    expect(stderr).toContain('--boot-disk');
  });
});
