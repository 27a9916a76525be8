import { concat, u32be } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expect, it } from 'vitest';
import { COMMANDS, type RequestOf } from '../commands/table.ts';
import { TPM_RH } from '../structures/handles.ts';
import { nameOf } from '../structures/names.ts';
import { PolicyDigest } from '../policy/digest.ts';
import { type Bench, DIGEST, NONE, PASSWORD, SUCCESS } from './bench.ts';
import { extended, foreignSigner, policyBench, QUOTE, REF, START } from './policy-bench.ts';

/** Policies that somebody else vouches for. */
export function policyAuthorityContract(bench: Bench): void {
  const { ask, done, startSession } = bench;
  const { digestOf, inBoth, keyUnder, quoteIn } = policyBench(bench);

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
    const { signer, sign } = await foreignSigner();
    const loaded = await done('LoadExternal', {
      parameters: { inPrivate: undefined, inPublic: signer, hierarchy: TPM_RH.owner },
    });
    const name = nameOf(crypto, signer);
    const first = extended(START, 'PolicySigned', name);
    const expected = crypto.hash('sha256', concat(first, REF));
    const { handle, nonceTPM } = await startSession('policy');
    const signed = async (expiration: number, change: Partial<RequestOf<'PolicySigned'>> = {}) => {
      const auth = await sign(concat(nonceTPM, u32be(expiration >>> 0), NONE, REF));
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
    const { signer, sign } = await foreignSigner();
    const loaded = await done('LoadExternal', {
      parameters: { inPrivate: undefined, inPublic: signer, hierarchy: TPM_RH.owner },
    });
    const { handle, nonceTPM } = await startSession('policy');
    const expiration = -600;
    const auth = await sign(concat(nonceTPM, u32be(expiration >>> 0)));
    const parameters = { nonceTPM, cpHashA: NONE, policyRef: NONE, expiration, auth };
    const made = (await done('PolicySigned', { handles: [loaded.handle, handle], parameters })).parameters;
    expect([made.timeout.length, made.policyTicket.hierarchy]).toEqual([8, TPM_RH.owner]);
  });

  it('PolicyAuthorize puts what a key approved in the place of what it says', async () => {
    const { signer, sign } = await foreignSigner();
    const approvedPolicy = PolicyDigest.start(crypto, 'sha256').authValue().digest;
    const loaded = await done('LoadExternal', {
      parameters: { inPrivate: undefined, inPublic: signer, hierarchy: TPM_RH.owner },
    });
    const aHash = concat(approvedPolicy, REF);
    const verify = { digest: crypto.hash('sha256', aHash), signature: await sign(aHash) };
    const { validation } = (await done('VerifySignature', { handles: [loaded.handle], parameters: verify })).parameters;
    const keySign = nameOf(crypto, signer);
    const expected = PolicyDigest.authorize(crypto, 'sha256', keySign, REF).digest;
    const session = await inBoth(expected, async (each) => {
      await done('PolicyAuthValue', { handles: [each], parameters: {} });
      const parameters = { approvedPolicy, policyRef: REF, keySign, checkTicket: validation };
      await done('PolicyAuthorize', { handles: [each], parameters });
    });
    const parameters = { approvedPolicy, policyRef: REF, keySign, checkTicket: validation };
    expect(await ask('PolicyAuthorize', { handles: [session], parameters })).toBe('TPM_RC_VALUE parameter 1');
  });
}
