import { concat, u16be, u32be } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import type { HashName, PrivateKey } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expect, it } from 'vitest';
import { TPM_ALG } from '../algorithms.ts';
import { TPMA_NV } from '../attributes.ts';
import { policySigner } from '../authorized-policy.ts';
import { type CommandName, COMMANDS, type RequestOf } from '../commands.ts';
import { TPM_EO } from '../commands/policy.ts';
import { TPM_RH } from '../handles.ts';
import { nameOf } from '../names.ts';
import { TPMS_NV_PUBLIC } from '../objects.ts';
import { pcrDigestOf, TPML_PCR_SELECTION } from '../pcr-selection.ts';
import { PolicyDigest } from '../policy.ts';
import type { TpmtSignature } from '../signature.ts';
import { altered, eccKey, FIXED } from './areas.ts';
import { authorization, type Bench, DIGEST, NONE, PASSWORD, PCR_SELECTION, type RawCall, SUCCESS } from './bench.ts';

const INDEX = 0x01500f20;
const SIGNER = eccKey({ scheme: 'ecdsa', hashAlg: 'sha256' }, ...FIXED, 'sign');
const AUTH = new Uint8Array(16).fill(0x5a);
const REF = crypto.hash('sha256', DIGEST);

/** H(previous || TPM_CC || parts), written down once more here: the suite believes neither side. Part 3, 23.2.3. */
function extended(previous: Uint8Array, name: CommandName, ...parts: readonly Uint8Array[]): Uint8Array {
  return crypto.hash('sha256', concat(previous, u32be(COMMANDS[name].code), ...parts));
}
const START = new Uint8Array(32);

/** What each TPM2_Policy… command does to the digest, in a trial and for real; and when a policy holds. */
export function policiesContract({ ask, done, flush, startSession }: Bench): void {
  const digestOf = async (session: number) =>
    (await done('PolicyGetDigest', { handles: [session], parameters: {} })).parameters.policyDigest;
  /** Takes the same step in a trial and in a policy session; the digest must be the one expected. Gives the policy session. */
  async function inBoth(expected: Uint8Array, step: (session: number) => Promise<unknown>): Promise<number> {
    const { handle: trial } = await startSession('trial');
    await step(trial);
    expect(await digestOf(trial)).toEqual(expected);
    await flush(trial);
    const { handle } = await startSession('policy');
    await step(handle);
    expect(await digestOf(handle)).toEqual(expected);
    return handle;
  }
  /** A signing key for a policy alone, unless its password does too. */
  async function keyUnder(authPolicy: Uint8Array, userAuth: Uint8Array = NONE, userWithAuth = false) {
    const inPublic = altered(SIGNER, {
      authPolicy,
      objectAttributes: { ...SIGNER.value.objectAttributes, userWithAuth },
    });
    const made = await done('CreatePrimary', {
      handles: [TPM_RH.owner],
      parameters: { inSensitive: { userAuth, data: NONE }, inPublic, outsideInfo: NONE, creationPCR: [] },
    });
    return made.handle;
  }
  const quoteIn = (key: number, session: number, hmac: Uint8Array = NONE): RawCall<'Quote'> => ({
    handles: [key],
    parameters: QUOTE,
    authorize: [authorization(session, hmac)],
  });
  const QUOTE = { qualifyingData: DIGEST, inScheme: { scheme: 'null' }, PCRselect: [] } as const;
  const inSession =
    <Name extends CommandName>(name: Name, parameters: RequestOf<Name>) =>
    (session: number) =>
      done(name, { handles: [session], parameters });

  it('starts at zeros, and again after PolicyRestart', async () => {
    const { handle } = await startSession('policy');
    expect(await digestOf(handle)).toEqual(START);
    await done('PolicyAuthValue', { handles: [handle], parameters: {} });
    expect(await digestOf(handle)).toEqual(PolicyDigest.start(crypto, 'sha256').authValue().digest);
    await done('PolicyRestart', { handles: [handle], parameters: {} });
    expect(await digestOf(handle)).toEqual(START);
    const hmac = await startSession('hmac');
    expect(await ask('PolicyRestart', { handles: [hmac.handle], parameters: {} })).toBe('TPM_RC_VALUE handle 1');
    expect(await ask('PolicyGetDigest', { handles: [hmac.handle], parameters: {} })).toBe('TPM_RC_VALUE handle 1');
  });

  it('hashes as the session was told to', async () => {
    const { handle } = await startSession('policy', 'sha384');
    await done('PolicyAuthValue', { handles: [handle], parameters: {} });
    expect(await digestOf(handle)).toEqual(PolicyDigest.start(crypto, 'sha384').authValue().digest);
  });

  it('does not start with too short a nonce', async () => {
    const parameters = {
      nonceCaller: new Uint8Array(15),
      encryptedSalt: NONE,
      sessionType: 'policy',
      symmetric: { algorithm: 'null' },
      authHash: 'sha256',
    } as const;
    expect(await ask('StartAuthSession', { handles: [TPM_RH.null, TPM_RH.null], parameters })).toBe(
      'TPM_RC_SIZE parameter 1',
    );
  });

  it('PolicyPCR holds while the PCRs are the same', async () => {
    const { pcrValues } = (await done('PCR_Read', { parameters: { pcrSelectionIn: [PCR_SELECTION] } })).parameters;
    const pcrDigest = pcrDigestOf(crypto, 'sha256', pcrValues);
    const pcrs = [PCR_SELECTION];
    const expected = PolicyDigest.start(crypto, 'sha256').pcr(pcrs, pcrDigest).digest;
    expect(expected).toEqual(extended(START, 'PolicyPCR', encode(TPML_PCR_SELECTION, pcrs), pcrDigest));
    const session = await inBoth(expected, inSession('PolicyPCR', { pcrDigest, pcrs }));
    const key = await keyUnder(expected);
    expect(await ask('Quote', quoteIn(key, session))).toBe(SUCCESS);
    const wrong = { handles: [session], parameters: { pcrDigest: DIGEST, pcrs } };
    expect(await ask('PolicyPCR', wrong)).toBe('TPM_RC_VALUE parameter 1');
  });

  it('PolicyOR holds for each of its branches', async () => {
    const branch = PolicyDigest.start(crypto, 'sha256').authValue().digest;
    const pHashList = [DIGEST, branch];
    const expected = PolicyDigest.or(crypto, 'sha256', pHashList).digest;
    expect(expected).toEqual(extended(START, 'PolicyOR', ...pHashList));
    await inBoth(expected, async (session) => {
      await done('PolicyAuthValue', { handles: [session], parameters: {} });
      await done('PolicyOR', { handles: [session], parameters: { pHashList } });
    });
    const { handle } = await startSession('policy');
    expect(await ask('PolicyOR', { handles: [handle], parameters: { pHashList } })).toBe('TPM_RC_VALUE parameter 1');
  });

  it('PolicyCommandCode holds for one command', async () => {
    const expected = PolicyDigest.start(crypto, 'sha256').commandCode(COMMANDS.Quote.code).digest;
    const session = await inBoth(expected, inSession('PolicyCommandCode', { code: COMMANDS.Quote.code }));
    const other = { handles: [session], parameters: { code: COMMANDS.Sign.code } };
    expect(await ask('PolicyCommandCode', other)).toBe('TPM_RC_VALUE parameter 1');
    const key = await keyUnder(expected);
    const time = {
      handles: [TPM_RH.endorsement, key],
      parameters: { qualifyingData: NONE, inScheme: { scheme: 'null' } } as const,
      authorize: [PASSWORD, authorization(session)],
    };
    expect(await ask('GetTime', time)).toBe('TPM_RC_POLICY_CC session 2');
    expect(await ask('Quote', quoteIn(key, session))).toBe(SUCCESS);
  });

  it('PolicyAuthValue and PolicyPassword are one policy: an HMAC shows the password, or it is sent', async () => {
    const expected = PolicyDigest.start(crypto, 'sha256').authValue().digest;
    const session = await inBoth(expected, inSession('PolicyPassword', {}));
    const key = await keyUnder(expected, AUTH);
    expect(await ask('Quote', quoteIn(key, session, DIGEST))).toBe('TPM_RC_BAD_AUTH session 1');
    expect(await ask('Quote', quoteIn(key, session, AUTH))).toBe(SUCCESS);
    // the last of the two counts, and a bare password is no HMAC
    await inSession('PolicyPassword', {})(session);
    await done('PolicyRestart', { handles: [session], parameters: {} });
    await inSession('PolicyAuthValue', {})(session);
    expect(await ask('Quote', quoteIn(key, session, AUTH))).toBe('TPM_RC_BAD_AUTH session 1');
    expect(await ask('PolicyPassword', { handles: [(await startSession('hmac')).handle], parameters: {} })).toBe(
      'TPM_RC_VALUE handle 1',
    );
  });

  it('PolicyCpHash holds for one command with one set of parameters', async () => {
    const cpHashA = crypto.hash('sha256', REF);
    const expected = extended(START, 'PolicyCpHash', cpHashA);
    const session = await inBoth(expected, inSession('PolicyCpHash', { cpHashA }));
    const under = await keyUnder(expected);
    expect(await ask('Quote', quoteIn(under, session))).toBe('TPM_RC_POLICY_FAIL session 1');
    expect(await ask('PolicyCpHash', { handles: [session], parameters: { cpHashA: DIGEST } })).toBe('TPM_RC_CPHASH');
    const cut = { handles: [session], parameters: { cpHashA: DIGEST.subarray(1) } };
    expect(await ask('PolicyCpHash', cut)).toBe('TPM_RC_SIZE parameter 1');
  });

  it('PolicySecret may hold for one command with one set of parameters', async () => {
    const key = await keyUnder(PolicyDigest.start(crypto, 'sha256').secret(u32be(TPM_RH.endorsement)).digest);
    const { name } = (await done('ReadPublic', { handles: [key], parameters: {} })).parameters;
    const parameters = encode(COMMANDS.Quote.request, QUOTE);
    const cpHashA = crypto.hash('sha256', concat(u32be(COMMANDS.Quote.code), name, parameters));
    const { handle } = await startSession('policy');
    const terms = { nonceTPM: NONE, cpHashA, policyRef: NONE, expiration: 0 };
    await done('PolicySecret', { handles: [TPM_RH.endorsement, handle], parameters: terms });
    const other = { ...quoteIn(key, handle), parameters: { ...QUOTE, qualifyingData: REF } };
    expect(await ask('Quote', other)).toBe('TPM_RC_POLICY_FAIL session 1');
    expect(await ask('Quote', quoteIn(key, handle))).toBe(SUCCESS);
  });

  it('PolicyLocality holds at one of its localities', async () => {
    const zero = extended(START, 'PolicyLocality', Uint8Array.of(1));
    const session = await inBoth(zero, inSession('PolicyLocality', { locality: 1 }));
    expect(await ask('Quote', quoteIn(await keyUnder(zero), session))).toBe(SUCCESS);
    const third = extended(START, 'PolicyLocality', Uint8Array.of(8));
    await done('PolicyLocality', { handles: [session], parameters: { locality: 8 } });
    expect(await ask('Quote', quoteIn(await keyUnder(third), session))).toBe('TPM_RC_LOCALITY');
    for (const locality of [0, 1, 40])
      expect(await ask('PolicyLocality', { handles: [session], parameters: { locality } })).toBe(
        'TPM_RC_RANGE parameter 1',
      );
  });

  it('PolicyDuplicationSelect is over both Names, or the parent alone', async () => {
    const [objectName, newParentName] = [concat(u16be(TPM_ALG.sha256), REF), concat(u16be(TPM_ALG.sha256), DIGEST)];
    const select = (includeObject: boolean) =>
      inSession('PolicyDuplicationSelect', { objectName, newParentName, includeObject });
    const both = extended(START, 'PolicyDuplicationSelect', objectName, newParentName, Uint8Array.of(1));
    await flush(await inBoth(both, select(true)));
    const parent = extended(START, 'PolicyDuplicationSelect', newParentName, Uint8Array.of(0));
    await flush(await inBoth(parent, select(false)));
  });

  it('PolicySecret holds for who knows the secret, for as long as it says', async () => {
    const expected = PolicyDigest.start(crypto, 'sha256').secret(u32be(TPM_RH.endorsement), REF).digest;
    const { handle, nonceTPM } = await startSession('policy');
    const secret = (change: Partial<RequestOf<'PolicySecret'>> = {}, authorize = PASSWORD) => ({
      handles: [TPM_RH.endorsement, handle],
      parameters: { nonceTPM, cpHashA: NONE, policyRef: REF, expiration: 0, ...change },
      authorize: [authorize],
    });
    expect(await ask('PolicySecret', secret({ nonceTPM: DIGEST }))).toBe('TPM_RC_NONCE parameter 1');
    expect(await ask('PolicySecret', secret({ cpHashA: DIGEST.subarray(1) }))).toBe('TPM_RC_SIZE parameter 2');
    const { timeout, policyTicket } = (await done('PolicySecret', secret())).parameters;
    expect([timeout.length, policyTicket]).toEqual([0, { tag: 'authSecret', hierarchy: TPM_RH.null, digest: NONE }]);
    expect(await digestOf(handle)).toEqual(expected);
    await done('PolicyRestart', { handles: [handle], parameters: {} });
    const ticketed = (await done('PolicySecret', secret({ expiration: -600 }))).parameters;
    expect([ticketed.timeout.length, ticketed.policyTicket.hierarchy]).toEqual([8, TPM_RH.endorsement]);
    expect(ticketed.policyTicket.digest.length).toBeGreaterThan(0);
    expect(await ask('Quote', quoteIn(await keyUnder(expected), handle))).toBe(SUCCESS);
  });

  it('PolicySigned holds for who the key signed for', async () => {
    const { key, area } = await foreignSigner();
    const loaded = await done('LoadExternal', {
      parameters: { inPrivate: undefined, inPublic: area, hierarchy: TPM_RH.owner },
    });
    const name = nameOf(crypto, area);
    const first = extended(START, 'PolicySigned', name);
    const expected = crypto.hash('sha256', concat(first, REF));
    const { handle, nonceTPM } = await startSession('policy');
    const signed = async (expiration: number, change: Partial<RequestOf<'PolicySigned'>> = {}) => {
      const auth = await ecdsa(key, concat(nonceTPM, u32be(expiration >>> 0), NONE, REF));
      return {
        handles: [loaded.handle, handle],
        parameters: { nonceTPM, cpHashA: NONE, policyRef: REF, expiration, auth, ...change },
      };
    };
    expect(await ask('PolicySigned', await signed(0, { policyRef: DIGEST }))).toBe('TPM_RC_SIGNATURE parameter 5');
    expect(await ask('PolicySigned', await signed(0, { nonceTPM: DIGEST }))).toBe('TPM_RC_NONCE parameter 1');
    const { policyTicket } = (await done('PolicySigned', await signed(0))).parameters;
    expect(policyTicket).toEqual({ tag: 'authSigned', hierarchy: TPM_RH.null, digest: NONE });
    expect(await digestOf(handle)).toEqual(expected);
    const under = await keyUnder(expected);
    expect(await ask('Quote', quoteIn(under, handle))).toBe(SUCCESS);
    expect(await ask('Quote', quoteIn(under, handle))).toBe('TPM_RC_POLICY_FAIL session 1');
    const trial = await startSession('trial');
    const unsigned = await signed(0, { nonceTPM: NONE });
    await done('PolicySigned', { ...unsigned, handles: [loaded.handle, trial.handle] });
    expect(await digestOf(trial.handle)).toEqual(expected);
  });

  it('PolicySigned by the holder of a key gives a ticket when it is to last', async () => {
    const { key, area } = await foreignSigner();
    const loaded = await done('LoadExternal', {
      parameters: { inPrivate: undefined, inPublic: area, hierarchy: TPM_RH.owner },
    });
    const { handle, nonceTPM } = await startSession('policy');
    const expiration = -600;
    const auth = await ecdsa(key, concat(nonceTPM, u32be(expiration >>> 0)));
    const parameters = { nonceTPM, cpHashA: NONE, policyRef: NONE, expiration, auth };
    const made = (await done('PolicySigned', { handles: [loaded.handle, handle], parameters })).parameters;
    expect([made.timeout.length, made.policyTicket.hierarchy]).toEqual([8, TPM_RH.owner]);
  });

  it('PolicyAuthorize puts what a key approved in the place of what it says', async () => {
    const { key, area } = await foreignSigner();
    const approvedPolicy = PolicyDigest.start(crypto, 'sha256').authValue().digest;
    const loaded = await done('LoadExternal', {
      parameters: { inPrivate: undefined, inPublic: area, hierarchy: TPM_RH.owner },
    });
    const aHash = concat(approvedPolicy, REF);
    const verify = { digest: crypto.hash('sha256', aHash), signature: await ecdsa(key, aHash) };
    const { validation } = (await done('VerifySignature', { handles: [loaded.handle], parameters: verify })).parameters;
    const keySign = nameOf(crypto, area);
    const expected = PolicyDigest.authorize(crypto, 'sha256', keySign, REF).digest;
    const session = await inBoth(expected, async (each) => {
      await done('PolicyAuthValue', { handles: [each], parameters: {} });
      const parameters = { approvedPolicy, policyRef: REF, keySign, checkTicket: validation };
      await done('PolicyAuthorize', { handles: [each], parameters });
    });
    const parameters = { approvedPolicy, policyRef: REF, keySign, checkTicket: validation };
    expect(await ask('PolicyAuthorize', { handles: [session], parameters })).toBe('TPM_RC_VALUE parameter 1');
  });

  it.each([
    ['eq', [1, 2], 'neq', [1, 2]],
    ['neq', [1, 3], 'eq', [1, 3]],
    ['unsignedGt', [1, 1], 'unsignedGt', [1, 2]],
    ['unsignedLt', [1, 3], 'unsignedLt', [1, 2]],
    ['unsignedGe', [1, 2], 'unsignedGe', [1, 3]],
    ['unsignedLe', [1, 2], 'unsignedLe', [1, 1]],
    ['signedGt', [0xff, 0xff], 'signedGt', [1, 2]],
    ['signedLt', [2, 0], 'signedLt', [0xff, 0xff]],
    ['signedGe', [0xff, 0xff], 'signedGe', [2, 0]],
    ['signedLe', [1, 2], 'signedLe', [0x80, 0]],
    ['bitSet', [1, 2], 'bitSet', [1, 4]],
    ['bitClear', [0, 4], 'bitClear', [1, 0]],
  ] as const)('PolicyNV compares what an index holds: %s', async (holds, operand, fails, other) => {
    await withIndex({}, 6, async (indexName) => {
      await done('NV_Write', write(Uint8Array.of(0, 0, 1, 2, 0, 0)));
      const name = await indexName();
      const call = (session: number, operation: RequestOf<'PolicyNV'>['operation'], bytes: readonly number[]) => ({
        handles: [TPM_RH.owner, INDEX, session],
        parameters: { operandB: Uint8Array.from(bytes), offset: 2, operation },
      });
      const terms = concat(Uint8Array.from(operand), u16be(2), encode(TPM_EO, holds));
      const expected = extended(START, 'PolicyNV', crypto.hash('sha256', terms), name);
      const session = await inBoth(expected, (each) => done('PolicyNV', call(each, holds, operand)));
      expect(await ask('PolicyNV', call(session, fails, other))).toBe('TPM_RC_POLICY');
    });
  });

  it('PolicyNV does not compare past the end, or what was never written', async () => {
    await withIndex({}, 6, async () => {
      const { handle } = await startSession('policy');
      const call = (offset: number) => ({
        handles: [TPM_RH.owner, INDEX, handle],
        parameters: { operandB: DIGEST.subarray(0, 4), offset, operation: 'eq' } as const,
      });
      expect(await ask('PolicyNV', call(0))).toBe('TPM_RC_NV_UNINITIALIZED');
      await done('NV_Write', write(DIGEST.subarray(0, 6)));
      expect(await ask('PolicyNV', call(3))).toBe('TPM_RC_SIZE parameter 1');
      expect(await ask('PolicyNV', call(7))).toBe('TPM_RC_VALUE parameter 2');
      expect(await ask('PolicyNV', call(2))).toBe(SUCCESS);
    });
  });

  it('PolicyAuthorizeNV puts the policy that an index holds in the place of what it says', async () => {
    const policy = PolicyDigest.start(crypto, 'sha256').authValue().digest;
    await withIndex({}, 34, async (indexName) => {
      const call = (session: number) => ({ handles: [TPM_RH.owner, INDEX, session], parameters: {} });
      await done('NV_Write', write(concat(u16be(TPM_ALG.sha256), policy)));
      const expected = extended(START, 'PolicyAuthorizeNV', await indexName());
      const session = await inBoth(expected, async (each) => {
        await done('PolicyAuthValue', { handles: [each], parameters: {} });
        await done('PolicyAuthorizeNV', call(each));
      });
      expect(await ask('PolicyAuthorizeNV', call(session))).toBe('TPM_RC_VALUE');
      await done('NV_Write', write(concat(u16be(TPM_ALG.sha384), policy)));
      expect(await ask('PolicyAuthorizeNV', call(session))).toBe('TPM_RC_INSUFFICIENT');
      await done('NV_Write', write(concat(u16be(TPM_ALG.sha1), policy)));
      expect(await ask('PolicyAuthorizeNV', call(session))).toBe('TPM_RC_HASH');
    });
  });

  it('PolicyNvWritten lets an index be written once', async () => {
    const unwritten = extended(START, 'PolicyNvWritten', Uint8Array.of(0));
    const attributes = { policyWrite: true, ownerWrite: false, authWrite: false };
    await withIndex({ ...attributes, authPolicy: unwritten }, 6, async () => {
      const session = await inBoth(unwritten, inSession('PolicyNvWritten', { writtenSet: false }));
      const other = { handles: [session], parameters: { writtenSet: true } };
      expect(await ask('PolicyNvWritten', other)).toBe('TPM_RC_VALUE parameter 1');
      const writing = { ...write(DIGEST.subarray(0, 6), INDEX), authorize: [authorization(session)] };
      await done('NV_Write', writing);
      await done('PolicyNvWritten', { handles: [session], parameters: { writtenSet: false } });
      expect(await ask('NV_Write', writing)).toBe('TPM_RC_POLICY_FAIL session 1');
    });
  });

  const write = (data: Uint8Array, authHandle: number = TPM_RH.owner) => ({
    handles: [authHandle, INDEX],
    parameters: { data, offset: 0 },
  });
  interface IndexOptions {
    readonly policyWrite?: boolean;
    readonly ownerWrite?: boolean;
    readonly authWrite?: boolean;
    readonly authPolicy?: Uint8Array;
  }
  async function withIndex(
    { authPolicy = NONE, ...attributes }: IndexOptions,
    dataSize: number,
    work: (name: () => Promise<Uint8Array>) => Promise<void>,
  ): Promise<void> {
    const usual = TPMA_NV.of('ownerRead', 'ownerWrite', 'authRead', 'authWrite', 'noDA');
    const nameAlg: HashName = 'sha256';
    const value = { nvIndex: INDEX, nameAlg, attributes: { ...usual, ...attributes }, authPolicy, dataSize };
    const publicInfo = { value, bytes: encode(TPMS_NV_PUBLIC, value) };
    await done('NV_DefineSpace', { handles: [TPM_RH.owner], parameters: { auth: NONE, publicInfo } });
    try {
      await work(async () => (await done('NV_ReadPublic', { handles: [INDEX], parameters: {} })).parameters.nvName);
    } finally {
      await ask('NV_UndefineSpace', { handles: [TPM_RH.owner, INDEX], parameters: {} });
    }
  }
}

async function foreignSigner() {
  const key = await crypto.generateKey({ type: 'ec', curve: 'P-256' });
  if (key.publicKey.type !== 'ec') throw new Error('an EC key was asked for');
  return { key, area: policySigner(key.publicKey) };
}

async function ecdsa(key: PrivateKey, message: Uint8Array): Promise<TpmtSignature> {
  const bytes = await key.sign('ecdsa-sha256', message);
  return { sigAlg: 'ecdsa', hash: 'sha256', signatureR: bytes.subarray(0, 32), signatureS: bytes.subarray(32) };
}
