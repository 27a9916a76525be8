import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { equal, fromBase64, toHex } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { createGuardian } from '@sekimori/key-protector';
import { expectOk } from '@sekimori/result';
import { programsMissing, showsSecret } from '@sekimori/testkit';
import {
  authorizePolicy,
  extendPcr,
  readNv,
  readPcrs,
  readPublic,
  removeNv,
  type Tpm,
  TPM2B_PUBLIC,
  TPMT_SIGNATURE,
  unseal,
  WELL_KNOWN,
} from '@sekimori/tpm2';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  addBootPolicy,
  BOOT_PCRS,
  type BootPolicy,
  encryptGuestDisk,
  type GuestDisk,
  listBootPolicies,
  LUKS_HEADER_BYTES,
  openRecovery,
  readBootPolicy,
  removeBootPolicy,
  sealRecovery,
  signBootPolicy,
  verifyBootPolicy,
  writeBootPolicy,
} from '../src/guest-disk/index.ts';
import { readTokens, type TpmToken, writeToken } from '../src/guest-disk/tokens.ts';
import { volumeKeyOf } from './support/volume-key.ts';
import { AT, OTHER_VM, type OwnedVm, ownedVm, randomKey, VM } from './support/owned-vm.ts';

const run = promisify(execFile);
const MARKER = 'sekimori-marker-in-the-clear';
const DIGEST = new Uint8Array(32).fill(7);

describe.skipIf(programsMissing('swtpm', 'swtpm_setup', 'cryptsetup'))("a guest's disk", () => {
  let owned: OwnedVm;
  let made: GuestDisk;
  let source: Buffer;
  const file = () => owned.at('disk.luks');
  const cryptsetup = (...args: readonly string[]) =>
    run('cryptsetup', ['-q', ...args], { env: { PATH: `${process.env['PATH']}:/usr/sbin:/sbin` } });
  const encrypt = (change: Partial<Parameters<typeof encryptGuestDisk>[0]> = {}) =>
    owned.use((tpm) =>
      encryptGuestDisk({
        crypto,
        source: owned.at('source.raw'),
        target: file(),
        recoveryKey: owned.recoveryKey,
        vm: owned.vm,
        disk: 0,
        tpm,
        ownerAuth: owned.ownerAuth,
        ...change,
      }),
    );
  const pcrsOf = async (tpm: Tpm) => expectOk(await readPcrs(tpm, BOOT_PCRS));
  const approve = async (tpm: Tpm, label = 'now') =>
    signBootPolicy(crypto, owned.owner, { vmId: VM, label, pcrs: await pcrsOf(tpm) });

  beforeAll(async () => {
    owned = await ownedVm();
    source = Buffer.concat([Buffer.alloc(4096), Buffer.from(MARKER.repeat(4000)), Buffer.alloc(3 * 1024 * 1024)]);
    source = source.subarray(0, source.length - (source.length % 512));
    await writeFile(owned.at('source.raw'), source);
    made = expectOk(await encrypt());
  });
  afterAll(() => owned.remove());

  it('holds nothing in clear, is open to nobody else, and its source stays as it was', async () => {
    const content = await readFile(file());
    expect(content.length).toBe(LUKS_HEADER_BYTES + source.length);
    expect(content.includes(MARKER)).toBe(false);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    expect((await readFile(owned.at('source.raw'))).equals(source)).toBe(true);
  });

  it('is LUKS2: cryptsetup decrypts it with the recovery key, and finds the source', async () => {
    const copy = owned.at('copy');
    await copyFile(file(), copy);
    const keyFile = owned.at('recovery.key');
    await writeFile(
      keyFile,
      owned.recoveryKey.use((bytes) => Uint8Array.from(bytes)),
      { mode: 0o600 },
    );
    const header = ['--header', owned.at('copy.header'), '--key-file', keyFile];
    await cryptsetup('reencrypt', '--decrypt', '--force-offline-reencrypt', ...header, copy);
    expect((await readFile(copy)).subarray(0, source.length).equals(source)).toBe(true);
  });

  it('is the one that the TPM is bound to, by the digest of its volume key', async () => {
    const volumeKey = await volumeKeyOf(file(), owned.recoveryKey);
    expect(toHex(volumeKey.use((bytes) => crypto.hash('sha256', bytes)))).toBe(toHex(made.volumeKeyDigest));
    expect(made.nvIndex).toBe(0x1500020);
    await owned.use(async (tpm) => {
      expect(toHex(expectOk(await readNv(tpm, made.nvIndex)))).toBe(toHex(made.volumeKeyDigest));
      const srk = expectOk(await readPublic(tpm, WELL_KNOWN.storageRootKey));
      const nobody = { auth: new Secret(new Uint8Array(0)), saltTo: srk };
      expect(await removeNv(tpm, nobody, made.nvIndex)).toMatchObject({
        fault: { response: { name: 'TPM_RC_BAD_AUTH' } },
      });
    });
  });

  /** As the guest does it. */
  async function unsealed(tpm: Tpm, bootPolicy: BootPolicy) {
    const token = expectOk(await readTokens(file())).get(0) as TpmToken;
    const bytes = (text: string) => fromBase64(text)!;
    const parent = expectOk(await readPublic(tpm, WELL_KNOWN.storageRootKey));
    const sealed = { tpm2bPublic: bytes(token.sealedPublic), tpm2bPrivate: bytes(token.sealedPrivate) };
    return unseal(tpm, parent, sealed, async (session) => {
      const pcr = await tpm.run('PolicyPCR', {
        handles: { policySession: session.handle },
        parameters: { pcrDigest: new Uint8Array(0), pcrs: [BOOT_PCRS] },
      });
      if (!pcr.ok) return pcr;
      return authorizePolicy(tpm, session, {
        signer: expectOk(decode(TPM2B_PUBLIC, bytes(token.signer))),
        policyRef: bytes(token.policyRef),
        approvedPolicy: bootPolicy.policy,
        signature: expectOk(decode(TPMT_SIGNATURE, bootPolicy.signature)),
      });
    });
  }

  it('opens with the key in its TPM under a boot that the owner approved, and under no other', async () => {
    await owned.use(async (tpm) => {
      const approved = await approve(tpm);
      const key = expectOk(await unsealed(tpm, approved));
      const opened = await volumeKeyOf(file(), key);
      expect(opened.use((bytes) => crypto.hash('sha256', bytes))).toEqual(made.volumeKeyDigest);

      const mallory = (await createGuardian(crypto, 'mallory', AT)).keys;
      const pcrs = await pcrsOf(tpm);
      const theirs = await signBootPolicy(crypto, mallory, { vmId: VM, label: '', pcrs });
      expect(await unsealed(tpm, theirs)).toMatchObject({ fault: { response: { name: 'TPM_RC_SIGNATURE' } } });
      const otherVm = await signBootPolicy(crypto, owned.owner, { vmId: OTHER_VM, label: '', pcrs });
      expect(await unsealed(tpm, otherVm)).toMatchObject({ fault: { response: { name: 'TPM_RC_SIGNATURE' } } });

      expectOk(await extendPcr(tpm, 9, 'sha256', DIGEST));
      expect(await unsealed(tpm, approved)).toMatchObject({ fault: { response: { name: 'TPM_RC_VALUE' } } });
      expectOk(await unsealed(tpm, await approve(tpm, 'after an update')));
    });
  });

  it('keeps the boots that are approved: once each, eight at most', async () => {
    const copy = owned.at('policies');
    await copyFile(file(), copy);
    const signed: BootPolicy[] = [];
    for (let n = 0; n < 9; n++) {
      const pcrs = new Map(BOOT_PCRS.indices.map((index) => [index, new Uint8Array(32).fill(n)]));
      signed.push(await signBootPolicy(crypto, owned.owner, { vmId: VM, label: `boot ${n}`, pcrs }));
    }
    for (const [n, policy] of signed.slice(0, 8).entries())
      expect(expectOk(await addBootPolicy(copy, policy))).toBe(n + 1);
    expect(await addBootPolicy(copy, signed[8]!)).toMatchObject({ fault: { code: 'boot-policies-full' } });
    expect(expectOk(await addBootPolicy(copy, { ...signed[2]!, label: 'again' }))).toBe(3);
    expectOk(await removeBootPolicy(copy, 2));
    expect(expectOk(await addBootPolicy(copy, signed[8]!))).toBe(2);
    const listed = expectOk(await listBootPolicies(copy));
    expect(listed.map(({ id, bootPolicy }) => `${id} ${bootPolicy.label}`)).toEqual(
      ['boot 0', 'boot 8', 'again', 'boot 3', 'boot 4', 'boot 5', 'boot 6', 'boot 7'].map(
        (label, n) => `${n + 1} ${label}`,
      ),
    );
    expect(equal(listed[0]!.bootPolicy.signature, signed[0]!.signature)).toBe(true);
  });

  it('shows who approved a boot, and for which VM', async () => {
    const policy = await owned.use((tpm) => approve(tpm));
    const { guardian } = owned.owner;
    expectOk(verifyBootPolicy(crypto, guardian, VM, expectOk(readBootPolicy(writeBootPolicy(policy)))));
    const refused = { fault: { code: 'boot-policy-signature' } };
    const other = (await createGuardian(crypto, 'bob', AT)).keys.guardian;
    expect(verifyBootPolicy(crypto, other, VM, policy)).toMatchObject(refused);
    expect(verifyBootPolicy(crypto, guardian, OTHER_VM, policy)).toMatchObject(refused);
    expect(verifyBootPolicy(crypto, guardian, OTHER_VM, { ...policy, vmId: OTHER_VM })).toMatchObject(refused);
    expect(verifyBootPolicy(crypto, guardian, VM, { ...policy, policy: DIGEST })).toMatchObject(refused);
    await expect(signBootPolicy(crypto, owned.owner, { vmId: VM, label: 'no PCRs', pcrs: new Map() })).rejects.toThrow(
      RangeError,
    );
    await expect(signBootPolicy(crypto, owned.owner, { ...policy, label: 'a "quote"' })).rejects.toThrow(RangeError);
  });

  it.each([
    ['no JSON', () => '{'],
    ['nothing', () => ''],
    ['a field too many', (text: string) => text.replace('{', '{"more":"x",')],
    ['PCRs that the policy is not over', (text: string) => text.replace(/"9": "../, '"9": "ff')],
    ['a PCR that is missing', (text: string) => text.replace(/"12": "[0-9a-f]*"/, '"13": "00"')],
    ['a signature of another shape', (text: string) => text.replace(/"signature": "..../, '"signature": "AAAA')],
    ['more than 4 KiB', (text: string) => text + ' '.repeat(5000)],
  ])('a boot policy with %s is malformed', async (_, change) => {
    const text = new TextDecoder().decode(writeBootPolicy(await owned.use((tpm) => approve(tpm))));
    expect(readBootPolicy(new TextEncoder().encode(change(text)))).toMatchObject({
      fault: { code: 'boot-policy-malformed' },
    });
  });

  it('is not taken for one of ours with a token that is none', async () => {
    const copy = owned.at('odd');
    await copyFile(file(), copy);
    const token = expectOk(await readTokens(copy)).get(0) as TpmToken;
    expectOk(await writeToken(copy, 0, { ...token, pin: 'elsewhere' }));
    expect(await listBootPolicies(copy)).toMatchObject({ fault: { code: 'guest-disk-malformed' } });
    expect(await listBootPolicies(owned.at('source.raw'))).toMatchObject({ fault: { code: 'guest-disk-malformed' } });
  });

  it('is not made twice for one TPM, nor over another file, and nothing is left behind', async () => {
    expect(await encrypt({ target: owned.at('twin') })).toMatchObject({ fault: { code: 'guest-disk-pinned' } });
    expect(await encrypt({ disk: 1 })).toMatchObject({ fault: { code: 'guest-disk-exists' } });
    expect((await readdir(owned.folder)).filter((name) => name.includes('partial') || name === 'twin')).toEqual([]);
  });

  it.each([
    ['that is not there', undefined],
    ['of no whole sectors', Buffer.alloc(1000)],
    ['that is empty', Buffer.alloc(0)],
    ['in format qcow2', Buffer.concat([Buffer.from('QFI\u{fb}', 'latin1'), Buffer.alloc(508)])],
    ['in format VMDK', Buffer.concat([Buffer.from('KDMV'), Buffer.alloc(508)])],
  ])('is not made from a source %s', async (_, content) => {
    const odd = owned.at('odd-source');
    if (content) await writeFile(odd, content);
    const outcome = await encrypt({ source: content ? odd : owned.at('nowhere'), target: owned.at('never'), disk: 2 });
    expect(outcome).toMatchObject({ fault: { code: 'guest-disk-source' } });
    expect((await readdir(owned.folder)).filter((name) => name.startsWith('never'))).toEqual([]);
  });

  it('gives its keys to cryptsetup on no command line and in no environment', async () => {
    const [shims, log] = [owned.at('shims'), owned.at('seen')];
    await mkdir(shims);
    const real = (await run('sh', ['-c', 'PATH=$PATH:/usr/sbin:/sbin command -v cryptsetup'])).stdout.trim();
    const shim = `#!/bin/sh\ncat /proc/$$/cmdline /proc/$$/environ >> ${log}\nexec ${real} "$@"\n`;
    await writeFile(join(shims, 'cryptsetup'), shim, { mode: 0o755 });
    vi.stubEnv('PATH', `${shims}:${process.env['PATH']}`);
    onTestFinished(() => void vi.unstubAllEnvs());
    expectOk(await encrypt({ target: owned.at('watched'), disk: 3 }));
    const seen = await readFile(log);
    for (const action of ['luksFormat', 'luksAddKey', 'token']) expect(seen.includes(action)).toBe(true);
    const volumeKey = await volumeKeyOf(owned.at('watched'), owned.recoveryKey);
    for (const secret of [owned.recoveryKey, owned.ownerAuth, volumeKey]) {
      expect(showsSecret(seen.toString('latin1'), secret)).toBe(false);
      expect(secret.use((bytes) => seen.includes(bytes))).toBe(false);
    }
  });
});

describe('what its owner keeps of a VM', () => {
  it('opens for the owner, for that VM, and for nobody else', async () => {
    const alice = (await createGuardian(crypto, 'alice', AT)).keys;
    const bob = (await createGuardian(crypto, 'bob', AT)).keys;
    const recovery = { recoveryKey: randomKey(), ownerAuth: randomKey() };
    const sealed = sealRecovery(crypto, alice.guardian, VM, recovery);
    const opened = expectOk(await openRecovery(crypto, alice, VM, sealed));
    expect(opened.recoveryKey.use(toHex)).toBe(recovery.recoveryKey.use(toHex));
    expect(opened.ownerAuth.use(toHex)).toBe(recovery.ownerAuth.use(toHex));
    const refused = { fault: { code: 'escrow-not-opened' } };
    expect(await openRecovery(crypto, bob, VM, sealed)).toMatchObject(refused);
    expect(await openRecovery(crypto, alice, OTHER_VM, sealed)).toMatchObject(refused);
    expect(await openRecovery(crypto, alice, VM, sealed.subarray(1))).toMatchObject({
      fault: { code: 'escrow-malformed' },
    });
  });
});
