import { concat } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { Secret } from '@sekimori/crypto-core';
import {
  AK_ECC_P256,
  COMMANDS,
  healthKeyTemplate,
  type Session,
  type SessionUse,
  SRK_ECC_P256,
  TPMA_SESSION,
} from '@sekimori/tpm2';
import { NONE, PASSWORD, send } from '../tpms.ts';
import {
  type Bench,
  type RefusalCase,
  NULL,
  EK,
  NONCE,
  DIGEST,
  POLICY_NONE,
  primary,
  start,
  session,
  password,
  quoteOf,
  POINT,
  define,
  refused,
  nameIn,
  owner,
  random,
  AES,
} from './bench.ts';

/** A quote by `ak` in an HMAC session, whose Name `authorize` is not told: so it leaves nothing out by itself. */
async function quoteIn(tpm: Bench, ak: number, hmac: Session, use: Omit<SessionUse, 'session'> = {}) {
  hmac.begin();
  const call = quoteOf(ak);
  const { parameters } = await send(tpm.transport, 'ReadPublic', { handles: [ak], request: {} });
  const request = encode(COMMANDS.Quote.request, call.request);
  const authorization = hmac.authorize(
    { session: hmac, ...use },
    COMMANDS.Quote.code,
    [nameIn(parameters)],
    request,
    [],
  );
  return { ...call, authorizations: [authorization] };
}

export const AUTHORIZATIONS: readonly RefusalCase[] = [
  refused('no authorization', 'TPM_RC_AUTH_MISSING', async (tpm) =>
    tpm.outcome('Quote', { ...quoteOf(await tpm.primary(AK_ECC_P256)), authorizations: [] }),
  ),
  refused('one authorization of two', 'TPM_RC_AUTH_MISSING', async (tpm) => {
    const ak = await tpm.primary(AK_ECC_P256);
    return tpm.outcome('Certify', {
      handles: [ak, ak],
      request: { qualifyingData: NONE, inScheme: { scheme: 'null' } },
      authorizations: [PASSWORD],
    });
  }),
  refused('a wrong password', 'TPM_RC_BAD_AUTH session 1', async (tpm) => {
    const ak = await tpm.primary(AK_ECC_P256, owner, DIGEST);
    return tpm.outcome('Quote', { ...quoteOf(ak), authorizations: [password(NONCE)] });
  }),
  refused('a password with zeros behind it', 'TPM_RC_SUCCESS', async (tpm) => {
    const ak = await tpm.primary(AK_ECC_P256, owner, concat(DIGEST.subarray(0, 4), new Uint8Array(3)));
    const right = password(concat(DIGEST.subarray(0, 4), new Uint8Array(9)));
    return tpm.outcome('Quote', { ...quoteOf(ak), authorizations: [right] });
  }),
  refused('a password with a nonce', 'TPM_RC_NONCE session 1', async (tpm) =>
    tpm.outcome('Quote', {
      ...quoteOf(await tpm.primary(AK_ECC_P256)),
      authorizations: [{ ...PASSWORD, nonce: NONCE }],
    }),
  ),
  refused('a password that encrypts', 'TPM_RC_ATTRIBUTES session 1', async (tpm) => {
    const authorizations = [{ ...PASSWORD, sessionAttributes: TPMA_SESSION.of('encrypt') }];
    return tpm.outcome('Quote', { ...quoteOf(await tpm.primary(AK_ECC_P256)), authorizations });
  }),
  refused('a password that authorizes nothing', 'TPM_RC_HANDLE session 1', (tpm) =>
    tpm.outcome('GetRandom', { ...random(), authorizations: [PASSWORD] }),
  ),
  refused('a session with a command that takes none', 'TPM_RC_AUTH_CONTEXT', (tpm) =>
    tpm.outcome('FlushContext', { request: { flushHandle: 0x80000000 }, authorizations: [PASSWORD] }),
  ),
  refused('a session that is not there', 'TPM_RC_REFERENCE_S0', async (tpm) => {
    const ak = await tpm.primary(AK_ECC_P256);
    return tpm.outcome('Quote', { ...quoteOf(ak), authorizations: [session(0x02000002)] });
  }),
  refused('a handle that is no session', 'TPM_RC_VALUE session 1', async (tpm) =>
    tpm.outcome('GetRandom', { ...random(), authorizations: [session(owner, 'encrypt')] }),
  ),
  refused('a trial session as authorization', 'TPM_RC_ATTRIBUTES session 1', async (tpm) => {
    const trial = await tpm.session({ sessionType: 'trial' });
    return tpm.outcome('ECDH_ZGen', {
      handles: [await tpm.primary(healthKeyTemplate(POLICY_NONE))],
      request: { inPoint: POINT },
      authorizations: [session(trial)],
    });
  }),
  refused('a session that does nothing', 'TPM_RC_ATTRIBUTES session 1', async (tpm) =>
    tpm.outcome('GetRandom', { ...random(), authorizations: [session(await tpm.session())] }),
  ),
  refused('a session used twice', 'TPM_RC_HANDLE session 2', async (tpm) => {
    const one = await tpm.session();
    const authorizations = [session(one), session(one, 'encrypt')];
    return tpm.outcome('Quote', { ...quoteOf(await tpm.primary(AK_ECC_P256)), authorizations });
  }),
  refused('decryption of a first parameter that is no buffer', 'TPM_RC_ATTRIBUTES session 1', async (tpm) =>
    tpm.outcome('GetRandom', { ...random(), authorizations: [session(await tpm.session(), 'decrypt')] }),
  ),
  refused('encryption by a session without a cipher', 'TPM_RC_SYMMETRIC session 1', async (tpm) => {
    const bare = await tpm.session({ symmetric: { algorithm: 'null' } });
    return tpm.outcome('GetRandom', { ...random(), authorizations: [session(bare, 'encrypt')] });
  }),
  refused('an HMAC session on a key for policies alone', 'TPM_RC_AUTH_UNAVAILABLE', async (tpm) => {
    const key = await tpm.primary(healthKeyTemplate(POLICY_NONE));
    const authorizations = [session(await tpm.session())];
    return tpm.outcome('ECDH_ZGen', { handles: [key], request: { inPoint: POINT }, authorizations });
  }),
  refused('a password for the ADMIN role where a policy is due', 'TPM_RC_AUTH_TYPE', async (tpm) =>
    tpm.outcome('Certify', {
      handles: [EK, await tpm.primary(AK_ECC_P256)],
      request: { qualifyingData: NONE, inScheme: { scheme: 'null' } },
      authorizations: [PASSWORD, PASSWORD],
    }),
  ),
  refused('a caller nonce too short', 'TPM_RC_SIZE parameter 1', (tpm) =>
    tpm.outcome('StartAuthSession', start({ nonceCaller: new Uint8Array(15) })),
  ),
  refused('a caller nonce too long', 'TPM_RC_SIZE parameter 1', (tpm) =>
    tpm.outcome('StartAuthSession', start({ nonceCaller: new Uint8Array(33) })),
  ),
  refused('a salt without a key', 'TPM_RC_VALUE parameter 2', (tpm) =>
    tpm.outcome('StartAuthSession', start({ encryptedSalt: DIGEST })),
  ),
  refused('a salt that does not open', 'TPM_RC_VALUE parameter 2', (tpm) =>
    tpm.outcome('StartAuthSession', { ...start({ encryptedSalt: new Uint8Array(256).fill(1) }), handles: [EK, NULL] }),
  ),
  refused('a salt to a signing key', 'TPM_RC_ATTRIBUTES handle 1', async (tpm) =>
    tpm.outcome('StartAuthSession', {
      ...start({ encryptedSalt: DIGEST }),
      handles: [await tpm.primary(AK_ECC_P256), NULL],
    }),
  ),
  refused('a mode that is not CFB', 'TPM_RC_MODE parameter 4', (tpm) =>
    tpm.outcome('StartAuthSession', start({ symmetric: { ...AES, mode: 'cbc' } })),
  ),
  refused('a command sent twice in an HMAC session', 'TPM_RC_BAD_AUTH session 1', async (tpm) => {
    const ak = await tpm.primary(AK_ECC_P256, owner, DIGEST);
    const call = await quoteIn(tpm, ak, await tpm.hmacSession(), { authValue: new Secret(DIGEST) });
    const first = await tpm.outcome('Quote', call);
    return first === 'TPM_RC_SUCCESS' ? tpm.outcome('Quote', call) : first;
  }),
  refused('a session bound to the key: its authorization is in the session', 'TPM_RC_SUCCESS', async (tpm) => {
    const ak = await tpm.primary(AK_ECC_P256, owner, DIGEST);
    return tpm.outcome('Quote', await quoteIn(tpm, ak, await tpm.hmacSession(ak, DIGEST)));
  }),
  refused('a session bound to another key', 'TPM_RC_BAD_AUTH session 1', async (tpm) => {
    const ak = await tpm.primary(AK_ECC_P256, owner, DIGEST);
    const other = await tpm.primary(SRK_ECC_P256, owner, DIGEST);
    return tpm.outcome('Quote', await quoteIn(tpm, ak, await tpm.hmacSession(other, DIGEST)));
  }),
  refused('a fourth object', 'TPM_RC_OBJECT_MEMORY', async (tpm) => {
    for (let i = 0; i < 3; i++) await tpm.primary(AK_ECC_P256);
    return tpm.outcome('CreatePrimary', primary(AK_ECC_P256));
  }),
  refused('a fourth session', 'TPM_RC_SESSION_MEMORY', async (tpm) => {
    for (let i = 0; i < 3; i++) await tpm.session();
    return tpm.outcome('StartAuthSession', start());
  }),
  refused('an owner without the authorization that was set', 'TPM_RC_BAD_AUTH session 1', async (tpm) => {
    const change = (hmac: Uint8Array, newAuth: Uint8Array) =>
      tpm.outcome('HierarchyChangeAuth', {
        handles: [owner],
        request: { newAuth },
        authorizations: [password(hmac)],
      });
    await change(NONE, DIGEST);
    const outcome = await tpm.outcome('NV_DefineSpace', define());
    await change(DIGEST, NONE);
    return outcome;
  }),
];
