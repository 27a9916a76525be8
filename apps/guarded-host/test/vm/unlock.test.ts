import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { utf8 } from '@sekimori/bytes';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import {
  parseVmId,
  sealGuestState,
  type SecurityPolicy,
  securityPolicyHash,
  signSecurityPolicy,
} from '@sekimori/guest-state';
import { createGuardian, type GuardianKeys, newKeyProtector } from '@sekimori/key-protector';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { addGeneration } from '../../src/vm/folder/generations.ts';
import { generationPaths, vmPaths } from '../../src/vm/folder/layout.ts';
import { releaseLocally } from '../../src/vm/keys.ts';
import { knownVm, unlock } from '../../src/vm/unlock.ts';
import { aVmFolder, aVtpmFolder } from './support/vm-folder.ts';

const at = new Date();
const { keys: owner } = await createGuardian(crypto, 'Owner', at);
const { keys: fabric } = await createGuardian(crypto, 'Fabric', at);
const { keys: stranger } = await createGuardian(crypto, 'Stranger', at);
const vmId = parseVmId('0190b5a2-0000-7000-8000-000000000001')!;
const policy: SecurityPolicy = {
  vmId,
  level: 'encryption-supported',
  secureBoot: false,
  disks: new Map([['data', 'outer']]),
};
const DEFINITION = `version: 1
name: vm
id: ${vmId}
security: encryption-supported
machine: { cpus: 1, memoryMiB: 128 }
firmware: { secureBoot: false }
disks: [{ name: data, file: data.img, mode: outer }]
`;

/** A folder as shielding leaves it, but for the disks; the state of `generation` names `owner`. */
async function aVm(by: GuardianKeys = owner) {
  const folder = await aVmFolder();
  await writeFile(vmPaths(folder).definition, DEFINITION, { mode: 0o600 });
  const policyText = await signSecurityPolicy(by, policy);
  await writeFile(vmPaths(folder).securityPolicy, policyText, { mode: 0o600 });
  const vtpmFrom = await aVtpmFolder(folder, 'state');
  const add = async (generation: bigint) => {
    const { protector, transportKey } = expectOk(
      await newKeyProtector(crypto, { owner: by, guardians: [fabric.guardian], at }),
    );
    const guestState = sealGuestState(
      crypto,
      transportKey,
      { vmId, generation },
      {
        owner: by.guardian.digest,
        securityPolicy: securityPolicyHash(crypto, policyText),
        vtpmStateKey: new Secret(new Uint8Array(32).fill(1)),
        diskKeys: new Map(),
        nvram: utf8(`nvram ${generation}`),
      },
    );
    await addGeneration(folder, { generation, protector, guestState, vtpmFrom });
  };
  await add(1n);
  return { folder, add };
}
const release = releaseLocally(crypto, [fabric]);
const open = async (folder: string, lastKnownGood = false) => {
  const vm = await knownVm(crypto, folder, { lastKnownGood });
  return vm.ok ? unlock(crypto, vm.value, release) : vm;
};

describe('unlocking a VM', () => {
  it('gives its state and the keys of the next generation', async () => {
    const { folder } = await aVm();
    const unlocked = expectOk(await open(folder));
    expect(unlocked).toMatchObject({ state: { nvram: utf8('nvram 1') } });
    expect(unlocked.released.keys.egress.length).toBe(32);
  });

  it('goes back to the last known good pair where somebody says so, and never by itself', async () => {
    const { folder, add } = await aVm();
    await add(2n);
    expect(expectOk(await open(folder)).state.nvram).toEqual(utf8('nvram 2'));
    const { guestState, protector } = generationPaths(folder, 2n);
    const bytes = await readFile(guestState);
    await writeFile(guestState, bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1), { mode: 0o600 });
    expect(await open(folder)).toMatchObject({ fault: { code: 'guest-state-not-opened' } });
    expect(expectOk(await open(folder, true)).state.nvram).toEqual(utf8('nvram 1'));
    await writeFile(protector, '', { mode: 0o600 });
    expect(await open(folder)).toMatchObject({ fault: { code: 'vm-state-unreadable' } });
    expect(expectOk(await open(folder, true)).state.nvram).toEqual(utf8('nvram 1'));
  });

  it('asks nobody for the keys of a state that says it is of another generation', async () => {
    const { folder, add } = await aVm();
    await add(2n);
    // the older pair put back as the newest: from an older backup, file by file
    for (const file of ['protector', 'guestState'] as const)
      await cp(generationPaths(folder, 1n)[file], generationPaths(folder, 2n)[file]);
    const asked: Uint8Array[] = [];
    const vm = expectOk(await knownVm(crypto, folder));
    const outcome = await unlock(crypto, vm, async (bytes) => {
      asked.push(bytes);
      return release(bytes);
    });
    expect(outcome).toMatchObject({ fault: { code: 'guest-state-not-opened' } });
    expect(asked).toEqual([]);
  });

  it.each([
    ['nothing that is a protector', async () => utf8('<Protector/>')],
    [
      'a protector of another owner',
      async () =>
        expectOk(await newKeyProtector(crypto, { owner: stranger, guardians: [fabric.guardian], at })).protector,
    ],
    [
      'a protector for fewer parties',
      async () => expectOk(await newKeyProtector(crypto, { owner, guardians: [], at })).protector,
    ],
  ])('writes nothing that would not open again: a service that answers %s is refused', async (_, answer) => {
    const { folder } = await aVm();
    const vm = expectOk(await knownVm(crypto, folder));
    const outcome = await unlock(crypto, vm, async (bytes) => {
      const released = expectOk(await release(bytes));
      return { ok: true, value: { ...released, egressProtector: await answer() } };
    });
    expect(outcome).toMatchObject({ fault: { code: 'vm-egress-refused' } });
  });

  it("refuses a policy of the owner's for another VM, and one that is not this VM's own", async () => {
    const { folder } = await aVm();
    const shielded = await signSecurityPolicy(owner, {
      ...policy,
      disks: new Map([['data', 'outer']]),
      secureBoot: false,
    });
    expect(shielded).not.toBe(await readFile(vmPaths(folder).securityPolicy, 'utf8')); // ECDSA: another signature
    await writeFile(vmPaths(folder).securityPolicy, shielded, { mode: 0o600 });
    expect(await open(folder)).toMatchObject({ fault: { code: 'vm-not-its-owners' } });
  });

  it('refuses a policy by somebody else, before anything is released', async () => {
    const { folder } = await aVm();
    await writeFile(vmPaths(folder).securityPolicy, await signSecurityPolicy(stranger, policy), { mode: 0o600 });
    expect(await knownVm(crypto, folder)).toMatchObject({ fault: { code: 'security-policy-owner' } });
  });

  it("opens nothing of the VM with a protector and a policy of a stranger's", async () => {
    const [mine, theirs] = [await aVm(), await aVm(stranger)];
    await cp(generationPaths(theirs.folder, 1n).protector, generationPaths(mine.folder, 1n).protector);
    await cp(vmPaths(theirs.folder).securityPolicy, vmPaths(mine.folder).securityPolicy);
    expect(await open(mine.folder)).toMatchObject({ fault: { code: 'guest-state-not-opened' } });
  });

  it('names the line of the definition that breaks the policy, before anything is released', async () => {
    const { folder } = await aVm();
    await writeFile(vmPaths(folder).definition, DEFINITION.replace('mode: outer', 'mode: boot'), { mode: 0o600 });
    expect(await knownVm(crypto, folder)).toMatchObject({
      fault: { code: 'vm-definition-refused', violations: [{ line: 7, path: 'disks.0.mode' }] },
    });
  });

  it.each([
    ['definition', 'vm-not-found'],
    ['securityPolicy', 'vm-not-shielded'],
    ['generations', 'vm-state-missing'],
  ] as const)('says what is missing: %s', async (part, code) => {
    const { folder } = await aVm();
    await rm(vmPaths(folder)[part], { recursive: true });
    expect(await open(folder)).toMatchObject({ fault: { code } });
  });

  it('is for the parties of the protector alone', async () => {
    const { folder } = await aVm();
    const vm = expectOk(await knownVm(crypto, folder));
    expect(await unlock(crypto, vm, releaseLocally(crypto, [stranger]))).toMatchObject({
      fault: { code: 'protector-not-mine' },
    });
    expect((await unlock(crypto, vm, releaseLocally(crypto, [owner]))).ok).toBe(true);
  });
});
