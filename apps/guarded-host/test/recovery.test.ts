import { fromBase64, toBase64, toHex, utf8 } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { createGuardian } from '@sekimori/key-protector';
import { expectOk } from '@sekimori/result';
import { boot, measureInto, programsMissing, showsSecret } from '@sekimori/testkit';
import { AK_ECC_P256, extendPcr, type PublicArea, publicArea, type Tpm, TPM_RH } from '@sekimori/tpm2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  answerRecovery,
  openRecoveryRequest,
  readRecoveryAnswer,
  type RecoveryFault,
  signBootPolicy,
} from '../src/guest-disk/index.ts';
import { activate, type GuestRequest, guestRequest } from './support/guest-tpm.ts';
import { AT, OTHER_VM, type OwnedVm, ownedVm, VM } from './support/owned-vm.ts';

const DIGEST = new Uint8Array(32).fill(3);

describe.skipIf(programsMissing('swtpm', 'swtpm_setup'))('a guest that asks for the recovery key', () => {
  let owned: OwnedVm;
  beforeAll(async () => {
    owned = await ownedVm();
  });
  afterAll(() => owned.remove());

  const booted = <T>(work: (tpm: Tpm) => Promise<T>, vm = owned) =>
    vm.use(async (tpm) => {
      await measureInto(tpm, boot('uki-snakeoil'));
      return work(tpm);
    });
  const open = (bytes: Uint8Array) => openRecoveryRequest(crypto, bytes, { owner: owned.owner.guardian, vmId: VM });
  const credentialIn = (answer: Uint8Array) => {
    const { credential, secret } = expectOk(readRecoveryAnswer(answer));
    return { credentialBlob: fromBase64(credential)!, encryptedSecret: fromBase64(secret)! };
  };

  it('is known by its TPM, shows what it booted, and gets the key that nobody on the way can read', async () => {
    await booted(async (tpm) => {
      const asked = await guestRequest(tpm, VM);
      const request = expectOk(open(asked.bytes()));
      expect(request.explained?.authenticated).toBe(true);
      expect(request.explained?.facts?.secureBoot.state).toBe('on');
      const bootPolicy = await signBootPolicy(crypto, owned.owner, { vmId: VM, label: 'seen', pcrs: request.bootPcrs });
      const answer = expectOk(answerRecovery(crypto, request, owned.recoveryKey, { bootPolicy }));
      expect(showsSecret(Buffer.from(answer).toString('latin1'), owned.recoveryKey)).toBe(false);
      expect(expectOk(readRecoveryAnswer(answer)).bootPolicy?.label).toBe('seen');
      const key = expectOk(await activate(tpm, asked.key, credentialIn(answer)));
      expect(key.use(toHex)).toBe(owned.recoveryKey.use(toHex));
      await tpm.flush(asked.key.handle);
    });
  });

  it('cannot use the answer once something else was started, nor one that was made for an earlier request', async () => {
    await booted(async (tpm) => {
      const first = await guestRequest(tpm, VM);
      await tpm.flush(first.key.handle);
      const asked = await guestRequest(tpm, VM);
      const answerTo = (request: GuestRequest) =>
        credentialIn(expectOk(answerRecovery(crypto, expectOk(open(request.bytes())), owned.recoveryKey)));
      expect(await activate(tpm, asked.key, answerTo(first))).toMatchObject({
        fault: { response: { name: 'TPM_RC_INTEGRITY' } },
      });
      const answer = answerTo(asked);
      expectOk(await extendPcr(tpm, 11, 'sha256', DIGEST));
      expect(await activate(tpm, asked.key, answer)).toMatchObject({
        fault: { response: { name: 'TPM_RC_POLICY_FAIL' } },
      });
      await tpm.flush(asked.key.handle);
    });
  });

  async function requested(
    change: Parameters<typeof guestRequest>[2],
    alter: (request: GuestRequest) => Uint8Array = (request) => request.bytes(),
  ): Promise<Uint8Array> {
    return booted(async (tpm) => {
      const request = await guestRequest(tpm, VM, change);
      await tpm.flush(request.key.handle);
      return alter(request);
    });
  }
  const attributes = (change: object) => (usual: PublicArea) =>
    publicArea({ ...usual.value, objectAttributes: { ...usual.value.objectAttributes, ...change } });

  it.each([
    ['over another nonce', { binding: DIGEST }, 'recovery-quote'],
    ['by a key of another hierarchy', { hierarchy: TPM_RH.null }, 'recovery-quote'],
    [
      'by a key that anything can use later',
      { template: (usual: PublicArea) => publicArea({ ...AK_ECC_P256.value, unique: usual.value.unique }) },
      'recovery-attestation-key',
    ],
    [
      'by a key of another policy',
      { template: (usual: PublicArea) => publicArea({ ...usual.value, authPolicy: DIGEST }) },
      'recovery-attestation-key',
    ],
    ['by a key that locks itself', { template: attributes({ noDA: false }) }, 'recovery-attestation-key'],
  ] as const)('is refused with a quote %s', async (_, change, code) => {
    expect(open(await requested(change))).toMatchObject({ ok: false, fault: { code } });
  });

  const with_ =
    (name: 'vm' | 'nonce' | 'ek' | 'ak' | 'attest' | 'signature' | 'log', text: string) => (request: GuestRequest) => {
      request.parts.set(name, text);
      return request.bytes();
    };
  const other = (request: GuestRequest, index: number) => {
    const text = new TextDecoder().decode(request.bytes());
    return utf8(text.replace(new RegExp(`"${index}":"..`), `"${index}":"ab`));
  };
  it.each<[string, (request: GuestRequest) => Uint8Array, RecoveryFault['code']]>([
    ['the id of another VM', with_('vm', toBase64(utf8(OTHER_VM))), 'recovery-malformed'],
    ['no VM', with_('vm', ''), 'recovery-malformed'],
    ['a short nonce', with_('nonce', 'AAAA'), 'recovery-malformed'],
    ['another nonce', with_('nonce', toBase64(DIGEST)), 'recovery-quote'],
    ['no endorsement certificate', with_('ek', ''), 'recovery-endorsement-key'],
    ['no attestation key', with_('ak', ''), 'recovery-attestation-key'],
    ['no quote', with_('attest', ''), 'recovery-quote'],
    ['no signature', with_('signature', ''), 'recovery-quote'],
    ['another value of PCR 4', (request) => other(request, 4), 'recovery-quote'],
    ['another value of PCR 14', (request) => other(request, 14), 'recovery-quote'],
    ['a byte less', (request) => request.bytes().subarray(1), 'recovery-malformed'],
    ['nothing in it', () => new Uint8Array(0), 'recovery-malformed'],
    ['more than is read', (request) => Buffer.concat([request.bytes(), Buffer.alloc(3e6, ' ')]), 'recovery-malformed'],
  ])('is refused with %s', async (_, alter, code) => {
    expect(open(await requested({}, alter))).toMatchObject({ ok: false, fault: { code } });
  });

  it('is let through without a log that can be read, which its owner sees', async () => {
    const request = expectOk(open(await requested({}, with_('log', ''))));
    expect(request.explained).toBeUndefined();
    const foreign = await requested({}, (made) => made.bytes());
    expect(expectOk(open(foreign)).explained?.authenticated).toBe(true);
    const changed = await booted(async (tpm) => {
      expectOk(await extendPcr(tpm, 9, 'sha256', DIGEST));
      const made = await guestRequest(tpm, VM);
      await tpm.flush(made.key.handle);
      return made.bytes();
    });
    expect(expectOk(open(changed)).explained?.authenticated).toBe(false);
  });

  it.each([
    ['the TPM of another owner', async () => ({ owner: (await createGuardian(crypto, 'mallory', AT)).keys })],
    ['the TPM of another VM of the same owner', async () => ({ owner: owned.owner, vmId: OTHER_VM })],
  ])('is refused with %s', async (_, parts) => {
    const another = await ownedVm(await parts());
    try {
      const bytes = await booted(async (tpm) => {
        const request = await guestRequest(tpm, VM);
        await tpm.flush(request.key.handle);
        return request.bytes();
      }, another);
      expect(open(bytes)).toMatchObject({ ok: false, fault: { code: 'recovery-endorsement-key' } });
    } finally {
      await another.remove();
    }
  });

  it("is refused with another certificate that the owner's key signed", async () => {
    const { encryptionCertificate, signingCertificate } = owned.owner.guardian;
    for (const { der } of [encryptionCertificate, signingCertificate])
      expect(open(await requested({}, with_('ek', toBase64(der))))).toMatchObject({
        fault: { code: 'recovery-endorsement-key' },
      });
    const ecc = await requested({}, with_('ek', toBase64(owned.endorsementCertificates.eccP384)));
    expect(open(ecc)).toMatchObject({ fault: { code: 'recovery-endorsement-key' } });
    const authority = await requested({}, with_('ek', toBase64(owned.endorsementAuthority)));
    expect(open(authority)).toMatchObject({ fault: { code: 'recovery-endorsement-key' } });
  });

  it('gets no answer that is none', async () => {
    const request = expectOk(open(await requested({})));
    const answer = expectOk(answerRecovery(crypto, request, owned.recoveryKey));
    const text = new TextDecoder().decode(answer);
    for (const wrong of ['', '{}', text.slice(1), text.replace('"version":1', '"version":2'), text.padEnd(20_000)])
      expect(readRecoveryAnswer(utf8(wrong))).toMatchObject({ fault: { code: 'recovery-answer-malformed' } });
  });
});
