import { toHex } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { type EcPublicKey, Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { expect, it } from 'vitest';
import { activateCredential, agreeWithHealthKey } from '../keys/attester.ts';
import { EMPTY_PASSWORD, Tpm } from '../client/client.ts';
import { COMMANDS, type RequestOf } from '../commands/table.ts';
import { makeCredential } from '../protection/credential.ts';
import { TPM_RH } from '../structures/handles.ts';
import { publicKeyOf } from '../structures/names.ts';
import {
  certify,
  createPrimary,
  extendPcr,
  type LoadedKey,
  quoteWithPcrs,
  readPcrs,
  readPublic,
} from '../client/operations.ts';
import { TPMS_CREATION_DATA } from '../structures/objects.ts';
import { pcrDigestOf } from '../structures/pcr-selection.ts';
import { AK_ECC_P256, AK_RSA_2048, SRK_ECC_P256 } from '../keys/templates.ts';
import {
  attestOf,
  type Bench,
  commandCode,
  DIGEST,
  expectSigned,
  expectSignedBy,
  FIRMWARE,
  NONE,
  PCR,
  PCR_SELECTION,
} from './bench.ts';

const NO_SCHEME = { scheme: 'null' } as const;
const QUOTE = { qualifyingData: DIGEST, inScheme: NO_SCHEME, PCRselect: [FIRMWARE] };

/** Endorsement, attestation and health keys: quotes, certificates, credentials; what a reset forgets and counts. */
export function attestationContract(bench: Bench): void {
  const { tpm, under, ask, done, primary, keeping, withMeddling, withAk, withHealthKey, endorsementKey } = bench;

  it('has an endorsement key that is the one of its certificate', async () => {
    const ek = await endorsementKey();
    expect(ek.publicArea.value).toMatchObject({ type: 'rsa', objectAttributes: { restricted: true, decrypt: true } });
    const again = expectOk(await readPublic(tpm, ek.handle));
    expect(toHex(again.name)).toBe(toHex(ek.name));
    await ek.release();
  });

  it.each(['ecc-p256', 'rsa-2048'] as const)('makes the same attestation key each time (%s)', async (kind) => {
    const [first, second] = [await withAk(async (ak) => ak, kind), await withAk(async (ak) => ak, kind)];
    expect(toHex(first.name)).toBe(toHex(second.name));
    await withAk(async (ak) => {
      const read = expectOk(await readPublic(tpm, ak.handle));
      expect(toHex(read.qualifiedName)).toBe(toHex(ak.qualifiedName));
    }, kind);
  });

  it.each(['ecc-p256', 'rsa-2048'] as const)('quotes PCRs (%s)', async (kind) => {
    await withAk(async (ak) => {
      const nonce = crypto.random(32);
      const quote = expectOk(await quoteWithPcrs(tpm, ak, FIRMWARE, nonce));
      expectSigned(ak, quote);
      const attest = attestOf(quote.attest);
      const values = FIRMWARE.indices.map((index) => quote.pcrs.get(index)!);
      const pcrDigest = pcrDigestOf(crypto, 'sha256', values);
      expect(attest.attested).toEqual({ is: 'quote', value: { pcrSelect: [FIRMWARE], pcrDigest } });
      expect([attest.qualifiedSigner, attest.extraData]).toEqual([ak.qualifiedName, nonce]);
    }, kind);
  });

  it('certifies a health key', async () => {
    await withAk((ak) =>
      withHealthKey(async (key) => {
        const certified = expectOk(await certify(tpm, key, ak, DIGEST));
        expectSigned(ak, certified);
        const { attested, extraData } = attestOf(certified.attest);
        expect(attested).toEqual({ is: 'certify', value: { name: key.name, qualifiedName: key.qualifiedName } });
        expect(extraData).toEqual(DIGEST);
      }),
    );
  });

  it('certifies how an object came to be', async () => {
    const [ak, srk] = [await primary(AK_ECC_P256, TPM_RH.endorsement), await primary(SRK_ECC_P256)];
    const { creationHash, creationData, creationTicket, name } = srk.parameters;
    expect(creationHash).toEqual(crypto.hash('sha256', encode(TPMS_CREATION_DATA, creationData)));
    const certifying = (change: Partial<RequestOf<'CertifyCreation'>> = {}) => ({
      handles: [ak.handle, srk.handle],
      parameters: { qualifyingData: DIGEST, creationHash, inScheme: NO_SCHEME, creationTicket, ...change },
    });
    const { attest, signature } = (await done('CertifyCreation', certifying())).parameters;
    expectSignedBy(ak.parameters.outPublic, { attest, signature: signature.bytes });
    expect(attestOf(attest).attested).toEqual({ is: 'creation', value: { objectName: name, creationHash } });
    expect(await ask('CertifyCreation', certifying({ creationHash: DIGEST }))).toBe('TPM_RC_TICKET parameter 4');
    const other = { ...creationTicket, hierarchy: TPM_RH.endorsement };
    expect(await ask('CertifyCreation', certifying({ creationTicket: other }))).toBe('TPM_RC_TICKET parameter 4');
    const wrongWay = { ...certifying(), handles: [srk.handle, ak.handle] };
    expect(await ask('CertifyCreation', wrongWay)).toBe('TPM_RC_KEY handle 1');
  });

  it('certifies the time', async () => {
    const ak = await primary(AK_ECC_P256, TPM_RH.endorsement);
    const timing = (privacyAdmin: number) => ({
      handles: [privacyAdmin, ak.handle],
      parameters: { qualifyingData: DIGEST, inScheme: NO_SCHEME },
    });
    const { attest, signature } = (await done('GetTime', timing(TPM_RH.endorsement))).parameters;
    expectSignedBy(ak.parameters.outPublic, { attest, signature: signature.bytes });
    const { attested, clockInfo, firmwareVersion } = attestOf(attest);
    if (attested.is !== 'time') throw new Error(`a ${attested.is}`);
    const { currentTime } = (await done('ReadClock', { parameters: {} })).parameters;
    expect(attested.value.firmwareVersion).toBe(firmwareVersion);
    expect(attested.value.time.clockInfo.resetCount).toBe(currentTime.clockInfo.resetCount);
    expect(clockInfo.resetCount).toBe(currentTime.clockInfo.resetCount);
    expect(attested.value.time.time <= currentTime.time).toBe(true);
    expect(await ask('GetTime', timing(TPM_RH.owner))).toBe('TPM_RC_VALUE handle 1');
  });

  it.each([AK_ECC_P256, AK_RSA_2048])('does not show its counters to a key of the owner', async (template) => {
    const own = await primary(template);
    const quoted = (await done('Quote', { handles: [own.handle], parameters: QUOTE })).parameters;
    const { currentTime } = (await done('ReadClock', { parameters: {} })).parameters;
    expect(attestOf(quoted.attest).clockInfo.resetCount).not.toBe(currentTime.clockInfo.resetCount);
    const srk = await primary(SRK_ECC_P256);
    expect(await ask('Quote', { handles: [srk.handle], parameters: QUOTE })).toBe('TPM_RC_KEY handle 1');
    const unsigned = { qualifyingData: NONE, inScheme: NO_SCHEME };
    expect(await ask('Certify', { handles: [own.handle, srk.handle], parameters: unsigned })).toBe(
      'TPM_RC_KEY handle 2',
    );
  });

  it('activates a credential, and the secret does not cross the wire in clear', async () => {
    const ek = await endorsementKey();
    await withAk(async (ak) => {
      const secret = crypto.random(32);
      const credential = expectOk(makeCredential(crypto, ek.publicArea, ak.name, new Secret(secret)));
      const frames: string[] = [];
      const note = (command: Uint8Array, response: Uint8Array) => {
        frames.push(toHex(command), toHex(response));
        return response;
      };
      const got = expectOk(await withMeddling(note, () => activateCredential(tpm, ek, ak, credential)));
      expect(got.use(toHex)).toBe(toHex(secret));
      expect(frames.length).toBeGreaterThan(0);
      expect(frames.filter((frame) => frame.includes(toHex(secret)))).toEqual([]);
    });
    await ek.release();
  });

  it('does not activate a credential made for another key, or a changed one', async () => {
    const ek = await endorsementKey();
    await withAk(async (ak) => {
      const other = await withAk(async (rsa) => rsa.name, 'rsa-2048');
      const foreign = expectOk(makeCredential(crypto, ek.publicArea, other, new Secret(DIGEST)));
      const refused = { fault: { code: 'tpm-error', response: { name: 'TPM_RC_INTEGRITY' } } };
      expect(await activateCredential(tpm, ek, ak, foreign)).toMatchObject(refused);
      const changed = expectOk(makeCredential(crypto, ek.publicArea, ak.name, new Secret(DIGEST)));
      changed.credentialBlob[changed.credentialBlob.length - 1]! ^= 1;
      expect(await activateCredential(tpm, ek, ak, changed)).toMatchObject(refused);
      const cut = { ...changed, credentialBlob: changed.credentialBlob.subarray(1) };
      expect(await activateCredential(tpm, ek, ak, cut)).toMatchObject({ fault: { code: 'credential-malformed' } });
    });
    await ek.release();
  });

  it('agrees on a secret with the health key, and restarts the policy when some other PCR changes', async () => {
    const ek = await endorsementKey();
    await withHealthKey(async (key) => {
      const { publicKey, sharedSecret } = crypto.agreeEphemeral(ecKeyOf(key));
      let extended = 0;
      const extendOnce = async (command: Uint8Array, response: Uint8Array) => {
        if (commandCode(command) !== COMMANDS.PolicyPCR.code || extended++ > 0) return response;
        // Not 16 or 23: those do not count as a change (Platform TPM Profile, doNotIncrementPcrCounter).
        await extendPcr(new Tpm(under().transport, crypto), 10, 'sha256', DIGEST);
        return response;
      };
      const agree = () => agreeWithHealthKey(tpm, ek, key, PCR_SELECTION, publicKey);
      const agreed = expectOk(await withMeddling(extendOnce, agree));
      expect(agreed.use(toHex)).toBe(sharedSecret.use(toHex));
      expect(extended).toBe(2);
    });
    await ek.release();
  });

  it('refuses the health key once a PCR of its policy changed, and without its policy', async () => {
    const ek = await endorsementKey();
    await withHealthKey(async (key) => {
      const { publicKey } = crypto.agreeEphemeral(ecKeyOf(key));
      const bare = await tpm.withSession({ type: 'policy', saltTo: ek }, (session) =>
        tpm.runForSecret('ECDH_ZGen', {
          handles: { keyHandle: key },
          parameters: { inPoint: publicKey },
          authorize: [{ session, encrypt: true }],
        }),
      );
      expect(bare).toMatchObject({ fault: { response: { name: 'TPM_RC_POLICY_FAIL' } } });
      const withPassword = await tpm.withSession({ type: 'hmac', saltTo: ek }, (session) =>
        tpm.runForSecret('ECDH_ZGen', {
          handles: { keyHandle: key },
          parameters: { inPoint: publicKey },
          authorize: [EMPTY_PASSWORD, { session, encrypt: true }],
        }),
      );
      expect(withPassword).toMatchObject({ fault: { response: { name: 'TPM_RC_AUTH_UNAVAILABLE' } } });
      expectOk(await extendPcr(tpm, PCR, 'sha256', DIGEST));
      expect(await agreeWithHealthKey(tpm, ek, key, PCR_SELECTION, publicKey)).toMatchObject({
        fault: { response: { name: 'TPM_RC_POLICY_FAIL', about: { part: 'session', number: 1 } } },
      });
    });
    await ek.release();
  });

  it('forgets PCRs and the NULL hierarchy at a reset, and counts it', async () => {
    const quoted = () =>
      withAk(async (ak) => attestOf(expectOk(await quoteWithPcrs(tpm, ak, FIRMWARE, DIGEST)).attest));
    // Not 11: a booted machine has something in it after a reset too.
    expectOk(await extendPcr(tpm, 12, 'sha256', DIGEST));
    const selection = { bank: 'sha256', indices: [12] } as const;
    const key = async () => toHex(expectOk(publicKeyOf(crypto, (await nullPrimary()).publicArea)).spki);
    const nullPrimary = async () =>
      keeping(expectOk(await createPrimary(tpm, TPM_RH.null, SRK_ECC_P256)), async (made) => made);
    const [before, keyBefore, ak] = [await quoted(), await key(), await withAk(async (made) => toHex(made.name))];
    expect(await key()).toBe(keyBefore);
    await under().reset();
    const [after, keyAfter] = [await quoted(), await key()];
    expect(keyAfter).not.toBe(keyBefore);
    expect(after.clockInfo.resetCount).toBe(before.clockInfo.resetCount + 1);
    expect(after.clockInfo.restartCount).toBe(0);
    expect(await withAk(async (made) => toHex(made.name))).toBe(ak);
    expect(toHex(expectOk(await readPcrs(tpm, selection)).get(12)!)).toBe('00'.repeat(32));
  });
}

function ecKeyOf(key: LoadedKey): EcPublicKey {
  const publicKey = expectOk(publicKeyOf(crypto, key.publicArea));
  if (publicKey.type !== 'ec') throw new Error('the health key is an EC key');
  return publicKey;
}
