import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex, utf8 } from '@sekimori/bytes';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { parseVmId } from '@sekimori/guest-state';
import { createGuardian, type GuardianKeys } from '@sekimori/key-protector';
import { buildShieldedLab, labIsMissing, MARKER, type ShieldedBoot, type ShieldedLab } from '@sekimori/lab';
import { expectOk, ok } from '@sekimori/result';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  addBootPolicy,
  answerRecovery,
  type BootPolicy,
  encryptGuestDisk,
  type GuestMessage,
  listBootPolicies,
  openRecoveryRequest,
  signBootPolicy,
} from '../src/guest-disk/index.ts';
import { manufactureTrialTpm, manufactureVirtualTpm, withVirtualTpm } from '../src/vtpm/index.ts';
import { foreignDisk } from './support/foreign-disk.ts';
import { rewriteHeader } from './support/luks-header.ts';
import { bootShielded } from './support/shielded-guest.ts';

const AT = new Date('2026-06-01T00:00:00Z');
const VM = parseVmId('3f1f0f0e-0000-4000-8000-00000000abcd')!;
const key = () => new Secret(crypto.random(32));

describe.skipIf(labIsMissing('shielded'))('a guest that opens its own disks', () => {
  let lab: ShieldedLab;
  let folder: string;
  let owner: GuardianKeys;
  let ownerAuth: Secret;
  let approved: BootPolicy;
  const [stateKey, trialKey, recoveryKey] = [key(), key(), key()];
  const at = (name: string) => join(folder, name);
  const vtpm = () => ({ stateDir: at('vtpm'), stateKey });
  const disks = () => [at('disk0'), at('disk1')];
  const boot = (image: ShieldedBoot, more: Partial<Parameters<typeof bootShielded>[0]> = {}) =>
    bootShielded({ lab, boot: image, vtpm: vtpm(), disks: disks(), ...more });
  const disksIn = (messages: readonly GuestMessage[]) =>
    messages.flatMap((each) => (each.type === 'disk' ? [`${each.disk} ${each.state} ${each.reason}`] : []));
  const bothMarkers = `markers sekimori-0 ${MARKER} sekimori-1 ${MARKER}`;
  const markersIn = (messages: readonly GuestMessage[]) =>
    messages.flatMap((each) => (each.type === 'note' && each.text.startsWith('markers') ? [each.text] : []));

  beforeAll(async () => {
    lab = await buildShieldedLab();
    folder = await mkdtemp(join(tmpdir(), 'shielded-'));
    owner = (await createGuardian(crypto, 'alice', AT)).keys;
    expectOk(await manufactureTrialTpm({ stateDir: at('trial'), stateKey: trialKey }));
    ({ ownerAuth } = expectOk(await manufactureVirtualTpm({ crypto, owner, vmId: VM, at: AT, ...vtpm() })));
    const vm = { id: VM, owner: owner.guardian };
    const encrypted = await withVirtualTpm({ crypto, ...vtpm() }, async (tpm) => {
      const common = { crypto, source: lab.template, recoveryKey, vm, tpm, ownerAuth };
      for (const [disk, target] of disks().entries()) expectOk(await encryptGuestDisk({ ...common, target, disk }));
      return ok(undefined);
    });
    expectOk(encrypted);
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('tells the PCRs of a trial boot, opens its disks by its TPM after that, and unseals nothing more', async () => {
    const throwaway = { stateDir: at('trial'), stateKey: trialKey };
    const trial = await boot('guest-snakeoil', { vtpm: throwaway, disks: [], mode: 'trial' });
    const outcome = expectOk(trial.outcome);
    if (outcome.type !== 'trial') throw new Error(`a trial ended in ${outcome.type}`);
    approved = await signBootPolicy(crypto, owner, { vmId: VM, label: 'first boot', pcrs: outcome.pcrs });
    for (const disk of disks()) expectOk(await addBootPolicy(disk, approved));

    for (const disk of disks()) expect((await readFile(disk)).includes(MARKER)).toBe(false);
    // A header that lies about the cipher: what is written would stand in clear, if the guest believed it.
    await rewriteHeader(at('disk1'), (json) =>
      json.replace(/("segments":.*?"encryption":)"aes-xts-plain64"/s, '$1"cipher_null-ecb"'),
    );
    expect((await readFile(at('disk1'))).includes('"cipher_null-ecb"')).toBe(true);
    const { messages, outcome: opened } = await boot('guest-snakeoil');
    expect(opened).toEqual({ ok: true, value: { type: 'open' } });
    expect(disksIn(messages)).toEqual(['0 open tpm', '1 open tpm']);
    const [said] = markersIn(messages);
    expect(said).toContain(`${bothMarkers} policy `);
    expect(said).not.toContain(toHex(approved.policy));
  });

  it('stays closed with another command line until its owner approves that, or answers with the recovery key', async () => {
    const requests: Uint8Array[] = [];
    const closed = await boot('guest-snakeoil-cmdline-changed', {
      recover: async (request) => {
        requests.push(request);
        return undefined;
      },
    });
    expect(closed.outcome).toEqual({ ok: true, value: { type: 'closed' } });
    expect(disksIn(closed.messages)).toEqual(['0 closed not-approved', '1 closed not-approved']);
    expect(markersIn(closed.messages)).toEqual([]);

    // What the owner sees, and approves for disk 0 alone.
    const asked = expectOk(openRecoveryRequest(crypto, requests[0]!, { owner: owner.guardian, vmId: VM }));
    expect(asked.explained?.authenticated).toBe(true);
    const commandLine = utf8('console=ttyS0 quiet panic=-1 sekimori.extra=1');
    expect(asked.explained?.facts?.commandLines).toMatchObject([{ digest: toHex(crypto.hash('sha256', commandLine)) }]);
    const changed = { vmId: VM, label: 'extra=1', pcrs: asked.bootPcrs };
    const bootPolicy = await signBootPolicy(crypto, owner, changed);
    expectOk(await addBootPolicy(at('disk0'), bootPolicy));

    const recovered = await boot('guest-snakeoil-cmdline-changed', {
      recover: async (request) => {
        const opened = expectOk(openRecoveryRequest(crypto, request, { owner: owner.guardian, vmId: VM }));
        const answer = expectOk(answerRecovery(crypto, opened, recoveryKey, { bootPolicy }));
        // The answer to the earlier request is of no use in this boot.
        expect(opened.keyName).not.toEqual(asked.keyName);
        expect(recoveryKey.use((bytes) => Buffer.from(answer).includes(bytes))).toBe(false);
        return answer;
      },
    });
    expect(recovered.outcome).toEqual({ ok: true, value: { type: 'open' } });
    expect(disksIn(recovered.messages)).toEqual(['0 open tpm', '1 closed not-approved', '1 open recovery-key']);
    expect(markersIn(recovered.messages)[0]).toContain(bothMarkers);
    const stored = expectOk(await listBootPolicies(at('disk1')));
    expect(stored.map((each) => each.bootPolicy.label)).toContain('extra=1');
  });

  it("opens neither a plain disk in a disk's place, nor one whose key somebody else sealed in the same TPM, nor one without a pin", async () => {
    const mallory = (await createGuardian(crypto, 'mallory', AT)).keys;
    const foreign = await withVirtualTpm({ crypto, ...vtpm() }, async (tpm) => {
      const theirs = { source: lab.template, owner: mallory, vmId: VM, tpm };
      await foreignDisk({ ...theirs, target: at('foreign'), disk: 0 });
      await foreignDisk({ ...theirs, target: at('unbound'), disk: 2 });
      return ok(undefined);
    });
    expectOk(foreign);
    const theirs = await signBootPolicy(crypto, mallory, { vmId: VM, label: 'mine', pcrs: approved.pcrs });
    expectOk(await addBootPolicy(at('foreign'), theirs));
    await copyFile(lab.template, at('plain'));

    const refused = await boot('guest-snakeoil', { disks: ['foreign', 'plain', 'unbound'].map(at) });
    expect(refused.outcome).toEqual({ ok: true, value: { type: 'closed' } });
    expect(disksIn(refused.messages)).toEqual([
      '0 refused not-the-pinned-disk',
      '1 refused no-such-disk',
      '2 refused no-pin',
    ]);
    expect(markersIn(refused.messages)).toEqual([]);
  });
});
