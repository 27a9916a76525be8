import { concat, equal, toHex } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import { type EcPublicKey, Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk, ok } from '@sekimori/result';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TpmsAttest, TPMS_ATTEST } from './attest.ts';
import { activateCredential, agreeWithHealthKey, createAttestationKey, createHealthKey } from './attester.ts';
import { type Approval, approvalOf, authorizedPolicy, authorizePolicy, policySigner } from './authorized-policy.ts';
import { EMPTY_PASSWORD, Tpm } from './client.ts';
import { COMMANDS } from './commands.ts';
import { makeCredential } from './credential.ts';
import { openEndorsementKey } from './endorsement.ts';
import { TPM_RH } from './handles.ts';
import { publicKeyOf } from './names.ts';
import {
  certify,
  createPrimary,
  extendPcr,
  getRandom,
  type LoadedKey,
  quoteWithPcrs,
  readNv,
  readPcrs,
  readPublic,
  startup,
  tpmProperties,
} from './operations.ts';
import { changeHierarchyAuth, removeNv, writeNvOnce } from './owner.ts';
import { pcrDigestOf } from './pcr-selection.ts';
import { PolicyDigest } from './policy.ts';
import { seal, unseal } from './sealing.ts';
import type { Session } from './session.ts';
import { TPMT_SIGNATURE, type TpmtSignature, verifySignature } from './signature.ts';
import { SRK_ECC_P256 } from './templates.ts';
import type { TpmTransport } from './transport.ts';

/** A TPM for the suite: manufactured (RSA-2048 endorsement key and its certificate in NV) and started. */
export interface TpmUnderTest {
  readonly transport: TpmTransport;
  /** A TPM reset: power off, power on, TPM2_Startup(CLEAR). The transport stays. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

const FIRMWARE = { bank: 'sha256', indices: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14] } as const;
const PCR = 16;
const PCR_SELECTION = { bank: 'sha256', indices: [PCR] } as const;
const DIGEST = new Uint8Array(32).fill(0xd1);

/**
 * What every TPM must do for this client, whether it is hardware, swtpm or ours. A resource manager in between answers
 * commands for unknown handles itself, in its own words.
 */
export function tpmContract(
  name: string,
  open: () => Promise<TpmUnderTest>,
  options: { readonly resourceManager?: true } = {},
): void {
  describe(`TPM: ${name}`, () => {
    let under: TpmUnderTest;
    let tpm: Tpm;
    /** Sees each exchange, and may change it. */
    let meddle: ((command: Uint8Array, response: Uint8Array) => Uint8Array | Promise<Uint8Array>) | undefined;
    const meddled: TpmTransport = {
      transmit: async (command) => {
        const response = await under.transport.transmit(command);
        return meddle ? meddle(command, response) : response;
      },
      close: () => under.transport.close(),
    };

    beforeAll(async () => {
      under = await open();
      tpm = new Tpm(meddled, crypto);
    });
    afterAll(() => under.close());

    async function keeping<T>(key: LoadedKey, work: (key: LoadedKey) => Promise<T>): Promise<T> {
      try {
        return await work(key);
      } finally {
        await tpm.flush(key.handle);
      }
    }
    async function withMeddling<T>(how: NonNullable<typeof meddle>, work: () => Promise<T>): Promise<T> {
      meddle = how;
      try {
        return await work();
      } finally {
        meddle = undefined;
      }
    }
    const withAk = async <T>(work: (ak: LoadedKey) => Promise<T>, kind?: 'ecc-p256' | 'rsa-2048') =>
      keeping(expectOk(await createAttestationKey(tpm, kind)), work);
    const withHealthKey = async <T>(work: (key: LoadedKey) => Promise<T>, selection = PCR_SELECTION) =>
      keeping(expectOk(await createHealthKey(tpm, selection)), work);
    const endorsementKey = async () => expectOk(await openEndorsementKey(tpm));
    const attestOf = (bytes: Uint8Array): TpmsAttest => expectOk(decode(TPMS_ATTEST, bytes));

    function expectSigned(
      key: LoadedKey,
      attestation: { readonly attest: Uint8Array; readonly signature: Uint8Array },
    ) {
      const { parameters } = key.publicArea.value;
      const scheme =
        parameters.is === 'ecc'
          ? ({ scheme: 'ecdsa', hashAlg: 'sha256' } as const)
          : ({ scheme: 'rsassa', hashAlg: 'sha256' } as const);
      const signature = expectOk(decode(TPMT_SIGNATURE, attestation.signature));
      const publicKey = expectOk(publicKeyOf(crypto, key.publicArea));
      expect(verifySignature(crypto, publicKey, scheme, attestation.attest, signature)).toBe(true);
    }

    it('is started, and says so when it is started again', async () => {
      expect(await startup(tpm)).toMatchObject({ ok: true });
      expect(await tpm.run('Startup', { parameters: { startupType: 'clear' } })).toMatchObject({
        fault: { code: 'tpm-error', response: { name: 'TPM_RC_INITIALIZE' } },
      });
    });

    it('tells its family and its number of PCRs', async () => {
      const properties = expectOk(await tpmProperties(tpm, 0x100, 0x20));
      expect(properties.get(0x100)).toBe(0x322e3000);
      expect(properties.get(0x112)).toBeGreaterThanOrEqual(24);
    });

    it('gives random bytes, more than a digest of them too', async () => {
      const [one, two] = [expectOk(await getRandom(tpm, 100)), expectOk(await getRandom(tpm, 100))];
      expect([one.length, two.length]).toEqual([100, 100]);
      expect(equal(one, two)).toBe(false);
    });

    it('extends a PCR and reads it', async () => {
      const before = expectOk(await readPcrs(tpm, PCR_SELECTION)).get(PCR)!;
      expectOk(await extendPcr(tpm, PCR, 'sha256', DIGEST));
      const after = expectOk(await readPcrs(tpm, PCR_SELECTION)).get(PCR)!;
      expect(toHex(after)).toBe(toHex(crypto.hash('sha256', concat(before, DIGEST))));
    });

    it('reads all PCRs of a bank, eight at a time', async () => {
      const indices = Array.from({ length: 24 }, (_, index) => index);
      expect(expectOk(await readPcrs(tpm, { bank: 'sha256', indices })).size).toBe(24);
    });

    it('says which bank it has not', async () => {
      expect(await readPcrs(tpm, { bank: 'sha512', indices: [0] })).toMatchObject({
        fault: { code: 'pcr-unavailable' },
      });
    });

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
          await extendPcr(new Tpm(under.transport, crypto), 10, 'sha256', DIGEST);
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
      await under.reset();
      const [after, keyAfter] = [await quoted(), await key()];
      expect(keyAfter).not.toBe(keyBefore);
      expect(after.clockInfo.resetCount).toBe(before.clockInfo.resetCount + 1);
      expect(after.clockInfo.restartCount).toBe(0);
      expect(await withAk(async (made) => toHex(made.name))).toBe(ak);
      expect(toHex(expectOk(await readPcrs(tpm, selection)).get(12)!)).toBe('00'.repeat(32));
    });

    it('keeps a secret between client and key: HMAC session, both parameters encrypted', async () => {
      const ek = await endorsementKey();
      await withAk(async (ak) => {
        const qualifyingData = crypto.random(32);
        const frames: string[] = [];
        const note = (command: Uint8Array, response: Uint8Array) => {
          frames.push(toHex(command), toHex(response));
          return response;
        };
        const quoted = await withMeddling(note, () =>
          tpm.withSession({ type: 'hmac', saltTo: ek }, (session) =>
            tpm.run('Quote', {
              handles: { signHandle: ak },
              parameters: { qualifyingData, inScheme: { scheme: 'null' }, PCRselect: [FIRMWARE] },
              authorize: [{ session, decrypt: true, encrypt: true }],
            }),
          ),
        );
        const { attest, signature } = expectOk(quoted).parameters;
        expectSigned(ak, { attest, signature: signature.bytes });
        expect(attestOf(attest).extraData).toEqual(qualifyingData);
        expect(frames.filter((frame) => frame.includes(toHex(qualifyingData)))).toEqual([]);
      });
      await ek.release();
    });

    it('lets one session authorize and two others encrypt', async () => {
      const ek = await endorsementKey();
      await withAk(async (ak) => {
        const salted = { type: 'hmac', saltTo: ek } as const;
        const quoted = await tpm.withSession(salted, (first) =>
          tpm.withSession(salted, (second) =>
            tpm.withSession(salted, (third) =>
              tpm.run('Quote', {
                handles: { signHandle: ak },
                parameters: { qualifyingData: DIGEST, inScheme: { scheme: 'null' }, PCRselect: [FIRMWARE] },
                authorize: [{ session: first }, { session: second, decrypt: true }, { session: third, encrypt: true }],
              }),
            ),
          ),
        );
        expect(attestOf(expectOk(quoted).parameters.attest).extraData).toEqual(DIGEST);
      });
      await ek.release();
    });

    it.each(['a parameter', 'the HMAC', 'the nonce'])('notices %s changed in a response', async (what) => {
      const ek = await endorsementKey();
      const change = (command: Uint8Array, response: Uint8Array) => {
        if (commandCode(command) !== COMMANDS.GetRandom.code) return response;
        const changed = Uint8Array.from(response);
        const at = { 'a parameter': 16, 'the HMAC': changed.length - 1, 'the nonce': 16 + 16 + 2 }[what]!;
        changed[at]! ^= 1;
        return changed;
      };
      const outcome = await withMeddling(change, () =>
        tpm.withSession({ type: 'hmac', saltTo: ek }, (session) =>
          tpm.run('GetRandom', { parameters: { bytesRequested: 16 }, authorize: [{ session, encrypt: true }] }),
        ),
      );
      expect(outcome).toMatchObject({ fault: { code: 'tpm-response-hmac' } });
      await ek.release();
    });

    it('refuses a command whose parameters were changed on the way', async () => {
      const ek = await endorsementKey();
      const changing = new Tpm(
        {
          transmit: (command) => {
            const changed = Uint8Array.from(command);
            if (commandCode(command) === COMMANDS.GetRandom.code) changed[changed.length - 1]! ^= 1;
            return under.transport.transmit(changed);
          },
          close: async () => {},
        },
        crypto,
      );
      const outcome = await changing.withSession({ type: 'hmac', saltTo: ek }, (session) =>
        changing.run('GetRandom', { parameters: { bytesRequested: 16 }, authorize: [{ session }] }),
      );
      expect(outcome).toMatchObject({
        ok: false,
        fault: { code: 'tpm-error', response: { about: { part: 'session' } } },
      });
      await ek.release();
    });

    const AUTHORITY = new Secret(new Uint8Array(32).fill(0xa7));
    const EMPTY = new Secret(new Uint8Array(0));
    const POLICY_REF = crypto.hash('sha256', DIGEST);
    const withSrk = async <T>(work: (srk: LoadedKey) => Promise<T>) =>
      keeping(expectOk(await createPrimary(tpm, TPM_RH.owner, SRK_ECC_P256)), work);
    const pcrPolicy = async () =>
      PolicyDigest.start(crypto, 'sha256').pcr(
        [PCR_SELECTION],
        pcrDigestOf(crypto, 'sha256', [expectOk(await readPcrs(tpm, PCR_SELECTION)).get(PCR)!]),
      ).digest;
    const satisfyPcrs = async (session: Session) => {
      const done = await tpm.run('PolicyPCR', {
        handles: { policySession: session.handle },
        parameters: { pcrDigest: new Uint8Array(0), pcrs: [PCR_SELECTION] },
      });
      return done.ok ? ok(undefined) : done;
    };
    async function signerOfPolicies() {
      const key = await crypto.generateKey({ type: 'ec', curve: 'P-256' });
      if (key.publicKey.type !== 'ec') throw new Error('an EC key was asked for');
      const sign = async (message: Uint8Array): Promise<TpmtSignature> => {
        const bytes = await key.sign('ecdsa-sha256', message);
        const [signatureR, signatureS] = [bytes.subarray(0, 32), bytes.subarray(32)];
        return { sigAlg: 'ecdsa', hash: 'sha256', signatureR, signatureS };
      };
      return { signer: policySigner(key.publicKey), sign };
    }

    it('opens what it sealed while the PCRs are the same, and the data do not cross the wire in clear', async () => {
      await withSrk(async (srk) => {
        const data = crypto.random(32);
        const frames: string[] = [];
        const note = (command: Uint8Array, response: Uint8Array) => {
          frames.push(toHex(command), toHex(response));
          return response;
        };
        const policy = await pcrPolicy();
        const sealed = expectOk(await withMeddling(note, () => seal(tpm, srk, policy, new Secret(data))));
        const opened = expectOk(await withMeddling(note, () => unseal(tpm, srk, sealed, satisfyPcrs)));
        expect(opened.use(toHex)).toBe(toHex(data));
        expect(frames.length).toBeGreaterThan(0);
        expect(frames.filter((frame) => frame.includes(toHex(data)))).toEqual([]);
        expectOk(await extendPcr(tpm, PCR, 'sha256', DIGEST));
        expect(await unseal(tpm, srk, sealed, satisfyPcrs)).toMatchObject({
          fault: { response: { name: 'TPM_RC_POLICY_FAIL' } },
        });
      });
    });

    it('does not open sealed data that were changed, or sealed below another key', async () => {
      await withSrk(async (srk) => {
        const sealed = expectOk(await seal(tpm, srk, await pcrPolicy(), new Secret(DIGEST)));
        const changed = Uint8Array.from(sealed.tpm2bPrivate);
        changed[changed.length - 1]! ^= 1;
        const refused = { fault: { response: { name: 'TPM_RC_INTEGRITY' } } };
        expect(await unseal(tpm, srk, { ...sealed, tpm2bPrivate: changed }, satisfyPcrs)).toMatchObject(refused);
        await keeping(expectOk(await createPrimary(tpm, TPM_RH.null, SRK_ECC_P256)), async (other) =>
          expect(await unseal(tpm, other, sealed, satisfyPcrs)).toMatchObject(refused),
        );
        const cut = { ...sealed, tpm2bPublic: sealed.tpm2bPublic.subarray(1) };
        expect(await unseal(tpm, srk, cut, satisfyPcrs)).toMatchObject({ fault: { code: 'sealed-object-malformed' } });
      });
    });

    it('opens under any policy that a signer approved', async () => {
      const { signer, sign } = await signerOfPolicies();
      await withSrk(async (srk) => {
        const policy = authorizedPolicy(crypto, signer, POLICY_REF);
        const sealed = expectOk(await seal(tpm, srk, policy, new Secret(DIGEST)));
        const openWith = (approvedPolicy: Uint8Array, signature: TpmtSignature) =>
          unseal(tpm, srk, sealed, async (session) => {
            const satisfied = await satisfyPcrs(session);
            if (!satisfied.ok) return satisfied;
            return authorizePolicy(tpm, session, { signer, policyRef: POLICY_REF, approvedPolicy, signature });
          });
        for (let round = 0; round < 2; round++) {
          const approved = await pcrPolicy();
          const signature = await sign(approvalOf(approved, POLICY_REF));
          expect(expectOk(await openWith(approved, signature)).use(toHex)).toBe(toHex(DIGEST));
          expectOk(await extendPcr(tpm, PCR, 'sha256', DIGEST));
          expect(await openWith(approved, signature)).toMatchObject({
            fault: { response: { name: 'TPM_RC_VALUE', about: { part: 'parameter', number: 1 } } },
          });
        }
      });
    });

    it('does not open under a policy that somebody else approved, or approved for something else', async () => {
      const [owner, other] = [await signerOfPolicies(), await signerOfPolicies()];
      await withSrk(async (srk) => {
        const policy = authorizedPolicy(crypto, owner.signer, POLICY_REF);
        const sealed = expectOk(await seal(tpm, srk, policy, new Secret(DIGEST)));
        const openWith = (approval: Approval) =>
          unseal(tpm, srk, sealed, async (session) => {
            const satisfied = await satisfyPcrs(session);
            return satisfied.ok ? authorizePolicy(tpm, session, approval) : satisfied;
          });
        const approvedPolicy = await pcrPolicy();
        const common = { policyRef: POLICY_REF, approvedPolicy };
        const signature = await other.sign(approvalOf(approvedPolicy, POLICY_REF));
        expect(await openWith({ ...common, signer: owner.signer, signature })).toMatchObject({
          fault: { response: { name: 'TPM_RC_SIGNATURE' } },
        });
        expect(await openWith({ ...common, signer: other.signer, signature })).toMatchObject({
          fault: { response: { name: 'TPM_RC_POLICY_FAIL' } },
        });
        const forOther = await owner.sign(approvalOf(approvedPolicy, DIGEST));
        expect(
          await openWith({ ...common, policyRef: DIGEST, signer: owner.signer, signature: forOther }),
        ).toMatchObject({ fault: { response: { name: 'TPM_RC_POLICY_FAIL' } } });
      });
    });

    it("has an owner's authorization, and an index that nobody writes twice or removes without it", async () => {
      const index = 0x01500f00;
      await withSrk(async (srk) => {
        const owner = { auth: AUTHORITY, saltTo: srk };
        const wrong = { auth: new Secret(DIGEST), saltTo: srk };
        const nobody = { auth: EMPTY, saltTo: srk };
        const frames: string[] = [];
        const note = (command: Uint8Array, response: Uint8Array) => {
          frames.push(toHex(command));
          return response;
        };
        expectOk(await withMeddling(note, () => changeHierarchyAuth(tpm, 'owner', nobody, AUTHORITY)));
        expect(frames.filter((frame) => AUTHORITY.use((bytes) => frame.includes(toHex(bytes))))).toEqual([]);
        try {
          const badAuth = { fault: { response: { name: 'TPM_RC_BAD_AUTH' } } };
          expect(await writeNvOnce(tpm, nobody, index, DIGEST)).toMatchObject(badAuth);
          expectOk(await writeNvOnce(tpm, owner, index, DIGEST));
          expect(toHex(expectOk(await readNv(tpm, index)))).toBe(toHex(DIGEST));
          expect(await writeNvOnce(tpm, owner, index, DIGEST)).toMatchObject({
            fault: { response: { name: 'TPM_RC_NV_DEFINED' } },
          });
          expect(await removeNv(tpm, wrong, index)).toMatchObject(badAuth);
          const rewritten = await tpm.run('NV_Write', {
            handles: { authHandle: TPM_RH.owner, nvIndex: index },
            parameters: { data: DIGEST, offset: 0 },
            authorize: [{ password: AUTHORITY }],
          });
          expect(rewritten).toMatchObject({ fault: { response: { name: 'TPM_RC_NV_LOCKED' } } });
        } finally {
          await removeNv(tpm, owner, index);
          expectOk(await changeHierarchyAuth(tpm, 'owner', owner, EMPTY));
        }
      });
    });

    it.skipIf(options.resourceManager)('names what it blames', async () => {
      expect(await readPublic(tpm, 0x80fffffe)).toMatchObject({
        fault: { code: 'tpm-error', command: 'ReadPublic', response: { about: { part: 'handle', number: 1 } } },
      });
      expect(await readNv(tpm, 0x01beef00)).toMatchObject({
        fault: { response: { name: 'TPM_RC_HANDLE', about: { part: 'handle', number: 1 } } },
      });
      const unknown = await under.transport.transmit(Uint8Array.of(0x80, 1, 0, 0, 0, 10, 0, 0, 0x0f, 0xff));
      expect(toHex(unknown)).toBe('80010000000a00000143');
    });
  });
}

function commandCode(command: Uint8Array): number {
  return new DataView(command.buffer, command.byteOffset).getUint32(6);
}

function ecKeyOf(key: LoadedKey): EcPublicKey {
  const publicKey = expectOk(publicKeyOf(crypto, key.publicArea));
  if (publicKey.type !== 'ec') throw new Error('the health key is an EC key');
  return publicKey;
}
