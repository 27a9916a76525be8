import { concat } from '@sekimori/bytes';
import { Secret } from '@sekimori/crypto-core';
import { expectOk } from '@sekimori/result';
import {
  AK_ECC_P256,
  createPrimary,
  EK_POLICY_A,
  getRandom,
  NO_SENSITIVE,
  PolicyDigest,
  publicArea,
  type Session,
  type Tpm,
  TPM_RH,
  TPMA_SESSION,
} from '@sekimori/tpm2';
import { describe, expect, it } from 'vitest';
import { Bench } from './refusals/index.ts';
import { AT, crypto, NONE, outcomeOf, PASSWORD, softwareTpm } from './tpms.ts';

const AUTH = new Uint8Array(16).fill(5);
const signer = (authPolicy: Uint8Array) =>
  publicArea({
    ...AK_ECC_P256.value,
    authPolicy,
    objectAttributes: { ...AK_ECC_P256.value.objectAttributes, userWithAuth: false },
  });
const secret = (session: Session, expiration = 0) => ({
  handles: { authHandle: TPM_RH.endorsement, policySession: session.handle },
  parameters: { nonceTPM: NONE, cpHashA: NONE, policyRef: NONE, expiration },
});
const quoteBy = (tpm: Tpm, key: { handle: number; name: Uint8Array }, session: Session, authValue?: Secret) =>
  tpm.run('Quote', {
    handles: { signHandle: key },
    parameters: { qualifyingData: NONE, inScheme: { scheme: 'null' }, PCRselect: [] },
    authorize: [authValue ? { session, authValue } : { session }],
  });

describe('a policy', () => {
  it('is good once: the session starts anew after its use', async () => {
    const { tpm } = softwareTpm();
    const key = expectOk(await createPrimary(tpm, TPM_RH.owner, signer(EK_POLICY_A.sha256)));
    const outcome = await tpm.withSession({ type: 'policy' }, async (session) => {
      expectOk(await tpm.run('PolicySecret', secret(session)));
      expectOk(await quoteBy(tpm, key, session));
      return quoteBy(tpm, key, session);
    });
    expect(outcome).toMatchObject({ fault: { response: { name: 'TPM_RC_POLICY_FAIL' } } });
  });

  it.each([
    [60, 59, 'TPM_RC_SUCCESS'],
    [60, 61, 'TPM_RC_EXPIRED'],
  ])('of %d seconds, used after %d: %s', async (expiration, seconds, expected) => {
    let now = AT.getTime();
    const { tpm } = softwareTpm({ now: () => new Date(now) });
    const key = expectOk(await createPrimary(tpm, TPM_RH.owner, signer(EK_POLICY_A.sha256)));
    const outcome = await tpm.withSession({ type: 'policy' }, async (session) => {
      expectOk(await tpm.run('PolicySecret', secret(session, expiration)));
      now += 1000 * seconds;
      return quoteBy(tpm, key, session);
    });
    if (expected === 'TPM_RC_SUCCESS') expectOk(outcome);
    else expect(outcome).toMatchObject({ fault: { response: { name: expected } } });
  });

  it('with PolicyAuthValue wants the authorization in its HMAC', async () => {
    const { tpm } = softwareTpm();
    const inPublic = signer(PolicyDigest.start(crypto, 'sha256').authValue().digest);
    const made = await tpm.run('CreatePrimary', {
      handles: { primaryHandle: TPM_RH.owner },
      parameters: { inSensitive: { ...NO_SENSITIVE, userAuth: AUTH }, inPublic, outsideInfo: NONE, creationPCR: [] },
    });
    const { handle, parameters } = expectOk(made);
    const use = (authValue?: Secret) =>
      tpm.withSession({ type: 'policy' }, async (session) => {
        const policySession = session.handle;
        expectOk(await tpm.run('PolicyAuthValue', { handles: { policySession }, parameters: {} }));
        return quoteBy(tpm, { handle, name: parameters.name }, session, authValue);
      });
    expectOk(await use(new Secret(AUTH)));
    for (const wrong of [undefined, new Secret(concat(AUTH, AUTH))])
      expect(await use(wrong)).toMatchObject({ fault: { response: { name: 'TPM_RC_BAD_AUTH' } } });
  });
});

describe('a session', () => {
  it('without continueSession is gone after its use', async () => {
    const { transport } = softwareTpm();
    const sessionHandle = await new Bench(transport).session();
    const call = {
      request: { bytesRequested: 8 },
      authorizations: [
        { ...PASSWORD, sessionHandle, nonce: new Uint8Array(16), sessionAttributes: TPMA_SESSION.of('encrypt') },
      ],
    };
    expect(await outcomeOf(transport, 'GetRandom', call)).toBe('TPM_RC_SUCCESS');
    expect(await outcomeOf(transport, 'GetRandom', call)).toBe('TPM_RC_REFERENCE_S0');
  });

  it('is untouched by a command that was refused', async () => {
    const { tpm } = softwareTpm();
    const outcome = await tpm.withSession({ type: 'policy' }, async (session) => {
      const policySession = session.handle;
      const wrong = { pcrDigest: AUTH, pcrs: [{ bank: 'sha256', indices: [23] }] } as const;
      expect((await tpm.run('PolicyPCR', { handles: { policySession }, parameters: wrong })).ok).toBe(false);
      return tpm.run('PolicyGetDigest', { handles: { policySession }, parameters: {} });
    });
    expect(expectOk(outcome).parameters.policyDigest).toEqual(new Uint8Array(32));
  });
});

it('commands that come at once are answered one after the other', async () => {
  const { tpm } = softwareTpm();
  const all = await Promise.all(Array.from({ length: 20 }, () => getRandom(tpm, 32)));
  expect(new Set(all.map((each) => expectOk(each).join())).size).toBe(20);
});
