import { concat, u16be } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expect, it } from 'vitest';
import { TPM_ALG } from '../structures/algorithms.ts';
import { COMMANDS } from '../commands/table.ts';
import { TPM_RH } from '../structures/handles.ts';
import { pcrDigestOf, TPML_PCR_SELECTION } from '../structures/pcr-selection.ts';
import { PolicyDigest } from '../policy/digest.ts';
import { authorization, type Bench, DIGEST, NONE, PASSWORD, PCR_SELECTION, SUCCESS } from './bench.ts';
import { extended, policyBench, REF, START } from './policy-bench.ts';

const AUTH = new Uint8Array(16).fill(0x5a);

/** What a policy asks of the moment and of the command: what it does to the digest, and when it holds. */
export function policiesContract(bench: Bench): void {
  const { ask, done, flush, startSession } = bench;
  const { digestOf, inBoth, keyUnder, quoteIn, inSession } = policyBench(bench);

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
    const twice = await keyUnder(PolicyDigest.start(crypto, 'sha256').authValue().authValue().digest, AUTH);
    const steps = ['PolicyAuthValue', 'PolicyPassword'] as const;
    for (const name of steps) await inSession(name, {})(session);
    expect(await ask('Quote', quoteIn(twice, session, AUTH))).toBe(SUCCESS);
    // the last of the two counts, and a bare password is no HMAC
    for (const name of steps.toReversed()) await inSession(name, {})(session);
    expect(await ask('Quote', quoteIn(twice, session, AUTH))).toBe('TPM_RC_BAD_AUTH session 1');
    const { handle: hmac } = await startSession('hmac');
    for (const name of ['PolicyPassword', 'PolicyAuthValue'] as const)
      expect(await ask(name, { handles: [hmac], parameters: {} })).toBe('TPM_RC_VALUE handle 1');
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
}
