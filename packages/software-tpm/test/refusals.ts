import { concat } from '@sekimori/bytes';
import { encode, type Infer } from '@sekimori/codec';
import { Secret } from '@sekimori/crypto-core';
import {
  AK_ECC_P256,
  AK_RSA_2048,
  COMMANDS,
  type CommandName,
  EK_ECC_P384,
  EK_POLICY_A,
  healthKeyTemplate,
  nameOf,
  NO_SENSITIVE,
  PolicyDigest,
  type PublicArea,
  publicArea,
  type RequestOf,
  Session,
  SRK_ECC_P256,
  TPM_RH,
  TPMA_NV,
  TPMA_OBJECT,
  TPMA_SESSION,
  TPMS_NV_PUBLIC,
  type TpmTransport,
  type TpmtPublic,
  WELL_KNOWN,
} from '@sekimori/tpm2';
import { crypto, described, NONE, PASSWORD, type RawCall, send } from './tpms.ts';

/** What a TPM answers to a caller that does something wrong. The same of software-tpm and of swtpm. */
export interface RefusalCase {
  readonly name: string;
  readonly expected: string;
  run(tpm: Bench): Promise<string>;
}

const { owner, endorsement } = TPM_RH;
const NULL = TPM_RH.null;
const EK = WELL_KNOWN.rsa2048EndorsementKey;
const AES = { algorithm: 'aes', keyBits: 128, mode: 'cfb' } as const;
const NONCE = new Uint8Array(32).fill(7);
const DIGEST = new Uint8Array(32).fill(1);
const POLICY_NONE = new Uint8Array(32);

/** A TPM with helpers that flush what they made. */
export class Bench {
  readonly transport: TpmTransport;
  readonly #made: number[] = [];

  constructor(transport: TpmTransport) {
    this.transport = transport;
  }

  async outcome<Name extends CommandName>(name: Name, call: RawCall<Name>): Promise<string> {
    const { responseCode, handle } = await send(this.transport, name, call);
    if (handle !== undefined) this.#made.push(handle);
    return described(responseCode);
  }

  async make<Name extends CommandName>(name: Name, call: RawCall<Name>): Promise<number> {
    const { responseCode, handle } = await send(this.transport, name, call);
    if (handle === undefined) throw new Error(`${name}: ${described(responseCode)}`);
    this.#made.push(handle);
    return handle;
  }

  primary(template: PublicArea, hierarchy: number = owner, userAuth: Uint8Array = NONE): Promise<number> {
    return this.make('CreatePrimary', primary(template, hierarchy, { userAuth, data: NONE }));
  }

  session(change: Partial<RequestOf<'StartAuthSession'>> = {}): Promise<number> {
    return this.make('StartAuthSession', start(change));
  }

  /** A session that the client would make, with its key. `bound`: of the entity it is bound to. */
  async hmacSession(bind: number = NULL, bound?: Uint8Array): Promise<Session> {
    const call = { ...start({ nonceCaller: NONCE }), handles: [NULL, bind] };
    const { handle = 0, parameters } = await send(this.transport, 'StartAuthSession', call);
    this.#made.push(handle);
    const salt = bound && new Secret(bound);
    const nonceTpm = parameters.slice(2);
    return new Session({ crypto, handle, type: 'hmac', authHash: 'sha256', nonceCaller: NONCE, nonceTpm, salt });
  }

  async flush(): Promise<void> {
    for (const flushHandle of this.#made.splice(0)) await this.outcome('FlushContext', { request: { flushHandle } });
  }
}

function primary(
  inPublic: PublicArea,
  hierarchy: number = owner,
  inSensitive = NO_SENSITIVE,
): RawCall<'CreatePrimary'> {
  return {
    handles: [hierarchy],
    request: { inSensitive, inPublic, outsideInfo: NONE, creationPCR: [] },
    authorizations: [PASSWORD],
  };
}

function start(change: Partial<RequestOf<'StartAuthSession'>> = {}): RawCall<'StartAuthSession'> {
  const usual = { encryptedSalt: NONE, sessionType: 'hmac', symmetric: AES, authHash: 'sha256' } as const;
  return { handles: [NULL, NULL], request: { nonceCaller: NONCE, ...usual, ...change } };
}

const session = (sessionHandle: number, ...attributes: readonly ('decrypt' | 'encrypt')[]) => ({
  ...PASSWORD,
  sessionHandle,
  sessionAttributes: TPMA_SESSION.of('continueSession', ...attributes),
});
const password = (text: Uint8Array) => ({ ...PASSWORD, hmac: text });
const altered = (template: PublicArea, change: (area: TpmtPublic) => Partial<TpmtPublic>) =>
  publicArea({ ...template.value, ...change(template.value) });
const withAttributes = (template: PublicArea, change: Partial<TpmtPublic['objectAttributes']>) =>
  altered(template, (area) => ({ objectAttributes: { ...area.objectAttributes, ...change } }));
const ecc = (template: PublicArea, change: object) =>
  altered(template, ({ parameters }) => ({
    parameters: { is: 'ecc', value: { ...parameters.value, ...change } } as TpmtPublic['parameters'],
  }));
const rsa = (template: PublicArea, change: object) =>
  altered(template, ({ parameters }) => ({
    parameters: { is: 'rsa', value: { ...parameters.value, ...change } } as TpmtPublic['parameters'],
  }));
const quoteOf = (handle: number): RawCall<'Quote'> => ({
  handles: [handle],
  request: { qualifyingData: DIGEST, inScheme: { scheme: 'null' }, PCRselect: [] },
  authorizations: [PASSWORD],
});
const random = (bytesRequested = 8) => ({ request: { bytesRequested } });
const ECDH_KEY = withAttributes(healthKeyTemplate(NONE), { userWithAuth: true });
const GENERATOR = (await crypto.generateKey({ type: 'ec', curve: 'P-256' })).publicKey;
const POINT = GENERATOR.type === 'ec' ? { x: GENERATOR.x, y: GENERATOR.y } : { x: NONE, y: NONE };
const FOREIGN_KEY = altered(ECDH_KEY, ({ objectAttributes }) => ({
  objectAttributes: { ...objectAttributes, fixedTPM: false, fixedParent: false, sensitiveDataOrigin: false },
  unique: { is: 'ecc', value: POINT },
}));
const NV = 0x01800100;
const NV_ATTRIBUTES = TPMA_NV.of('ownerWrite', 'ownerRead', 'authRead', 'noDA');
const define = (change: Partial<Infer<typeof TPMS_NV_PUBLIC>> = {}): RawCall<'NV_DefineSpace'> => {
  const usual = { nvIndex: NV, nameAlg: 'sha256', attributes: NV_ATTRIBUTES, authPolicy: NONE, dataSize: 8 } as const;
  const value = { ...usual, ...change };
  return {
    handles: [owner],
    request: { auth: NONE, publicInfo: { value, bytes: encode(TPMS_NV_PUBLIC, value) } },
    authorizations: [PASSWORD],
  };
};
const nvRead = (authHandle: number, size: number, offset = 0): RawCall<'NV_Read'> => ({
  handles: [authHandle, NV],
  request: { size, offset },
  authorizations: [PASSWORD],
});
const undefine = (tpm: Bench) =>
  tpm.outcome('NV_UndefineSpace', { handles: [owner, NV], request: {}, authorizations: [PASSWORD] });
async function withNv(
  tpm: Bench,
  work: () => Promise<string>,
  change: Parameters<typeof define>[0] = {},
): Promise<string> {
  const defined = await tpm.outcome('NV_DefineSpace', define(change));
  if (defined !== 'TPM_RC_SUCCESS') return `not defined: ${defined}`;
  const outcome = await work();
  await undefine(tpm);
  return outcome;
}

const SEALED = publicArea({
  type: 'keyedhash',
  nameAlg: 'sha256',
  objectAttributes: TPMA_OBJECT.of('fixedTPM', 'fixedParent', 'noDA', 'userWithAuth'),
  authPolicy: NONE,
  parameters: { is: 'keyedhash', value: { scheme: { scheme: 'null' } } },
  unique: { is: 'keyedhash', value: NONE },
});
const create = (parent: number, inPublic: PublicArea, data: Uint8Array = DIGEST): RawCall<'Create'> => ({
  handles: [parent],
  request: { inSensitive: { userAuth: NONE, data }, inPublic, outsideInfo: NONE, creationPCR: [] },
  authorizations: [PASSWORD],
});
const sealing = (name: string, expected: string, inPublic: PublicArea, data?: Uint8Array) =>
  refused(`sealed data ${name}`, expected, async (tpm) =>
    tpm.outcome('Create', create(await tpm.primary(SRK_ECC_P256), inPublic, data)),
  );
const SIGNER = altered(FOREIGN_KEY, ({ parameters }) => ({
  objectAttributes: TPMA_OBJECT.of('sign', 'userWithAuth'),
  parameters: {
    is: 'ecc',
    value: { ...parameters.value, scheme: { scheme: 'ecdsa', hashAlg: 'sha256' } },
  } as TpmtPublic['parameters'],
}));
const signer = (tpm: Bench, hierarchy: number = owner) =>
  tpm.make('LoadExternal', { request: { inPrivate: undefined, inPublic: SIGNER, hierarchy } });
const verify = (
  keyHandle: number,
  digest: Uint8Array = DIGEST,
  hash: 'sha256' | 'sha384' = 'sha256',
): RawCall<'VerifySignature'> => ({
  handles: [keyHandle],
  request: { digest, signature: { sigAlg: 'ecdsa', hash, signatureR: DIGEST, signatureS: DIGEST } },
});
const NO_TICKET = { tag: 0x8022, hierarchy: owner, digest: NONE } as const;
const approve = (policySession: number, change: Partial<RequestOf<'PolicyAuthorize'>>): RawCall<'PolicyAuthorize'> => ({
  handles: [policySession],
  request: {
    approvedPolicy: POLICY_NONE,
    policyRef: NONE,
    keySign: nameOf(crypto, SIGNER),
    checkTicket: NO_TICKET,
    ...change,
  },
});
const nvLock = (authHandle: number): RawCall<'NV_WriteLock'> => ({
  handles: [authHandle, NV],
  request: {},
  authorizations: [PASSWORD],
});
const LOCKABLE = TPMA_NV.of('ownerWrite', 'ownerRead', 'authRead', 'noDA', 'writeDefine');

const refused = (name: string, expected: string, run: RefusalCase['run']): RefusalCase => ({ name, expected, run });
const template = (name: string, expected: string, inPublic: PublicArea, hierarchy: number = owner) =>
  refused(`a primary key ${name}`, expected, (tpm) => tpm.outcome('CreatePrimary', primary(inPublic, hierarchy)));

export const REFUSALS: readonly RefusalCase[] = [
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
  refused('a policy session on a key without a policy', 'TPM_RC_POLICY_FAIL session 1', async (tpm) => {
    const policy = await tpm.session({ sessionType: 'policy' });
    return tpm.outcome('Quote', { ...quoteOf(await tpm.primary(AK_ECC_P256)), authorizations: [session(policy)] });
  }),
  refused('a policy that is not satisfied', 'TPM_RC_POLICY_FAIL session 1', async (tpm) => {
    const key = await tpm.primary(healthKeyTemplate(EK_POLICY_A.sha256));
    const policy = await tpm.session({ sessionType: 'policy' });
    return tpm.outcome('ECDH_ZGen', { handles: [key], request: { inPoint: POINT }, authorizations: [session(policy)] });
  }),
  refused('a policy for another command', 'TPM_RC_POLICY_CC session 1', async (tpm) => {
    const { code } = COMMANDS.Quote;
    const digest = crypto.hash('sha256', concat(POLICY_NONE, Uint8Array.of(0, 0, 1, 0x6c, 0, 0, 1, code & 0xff)));
    const key = await tpm.primary(healthKeyTemplate(digest));
    const policy = await tpm.session({ sessionType: 'policy' });
    await tpm.outcome('PolicyCommandCode', { handles: [policy], request: { code } });
    return tpm.outcome('ECDH_ZGen', { handles: [key], request: { inPoint: POINT }, authorizations: [session(policy)] });
  }),
  refused('PolicySecret alone for the ADMIN role', 'TPM_RC_POLICY_FAIL session 1', async (tpm) => {
    const policy = await tpm.session({ sessionType: 'policy' });
    await tpm.outcome('PolicySecret', {
      handles: [endorsement, policy],
      request: { nonceTPM: NONE, cpHashA: NONE, policyRef: NONE, expiration: 0 },
      authorizations: [PASSWORD],
    });
    return tpm.outcome('Certify', {
      handles: [EK, await tpm.primary(AK_ECC_P256)],
      request: { qualifyingData: NONE, inScheme: { scheme: 'null' } },
      authorizations: [session(policy), PASSWORD],
    });
  }),
  refused('PolicyPCR of another value', 'TPM_RC_VALUE parameter 1', async (tpm) =>
    tpm.outcome('PolicyPCR', {
      handles: [await tpm.session({ sessionType: 'policy' })],
      request: { pcrDigest: DIGEST, pcrs: [{ bank: 'sha256', indices: [23] }] },
    }),
  ),
  refused('PolicyOR of branches that were not taken', 'TPM_RC_VALUE parameter 1', async (tpm) =>
    tpm.outcome('PolicyOR', {
      handles: [await tpm.session({ sessionType: 'policy' })],
      request: { pHashList: [DIGEST, NONCE] },
    }),
  ),
  refused('PolicySecret with another nonce', 'TPM_RC_NONCE parameter 1', async (tpm) =>
    tpm.outcome('PolicySecret', {
      handles: [endorsement, await tpm.session({ sessionType: 'policy' })],
      request: { nonceTPM: NONCE, cpHashA: NONE, policyRef: NONE, expiration: 0 },
      authorizations: [PASSWORD],
    }),
  ),
  refused('PolicyCommandCode of two commands', 'TPM_RC_VALUE parameter 1', async (tpm) => {
    const handles = [await tpm.session({ sessionType: 'policy' })];
    await tpm.outcome('PolicyCommandCode', { handles, request: { code: COMMANDS.Quote.code } });
    return tpm.outcome('PolicyCommandCode', { handles, request: { code: COMMANDS.Certify.code } });
  }),
  refused('a policy command on an HMAC session', 'TPM_RC_VALUE handle 1', async (tpm) =>
    tpm.outcome('PolicyGetDigest', { handles: [await tpm.session()], request: {} }),
  ),
  refused('a policy command on no session', 'TPM_RC_REFERENCE_H0', (tpm) =>
    tpm.outcome('PolicyGetDigest', { handles: [0x03000002], request: {} }),
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
    const hmac = await tpm.hmacSession();
    hmac.roll();
    const call = quoteOf(ak);
    const request = encode(COMMANDS.Quote.request, call.request);
    const { parameters } = await send(tpm.transport, 'ReadPublic', { handles: [ak], request: {} });
    const name = nameIn(parameters);
    const use = { session: hmac, authValue: new Secret(DIGEST) };
    const authorization = hmac.authorize(use, COMMANDS.Quote.code, [name], request, []);
    const first = await tpm.outcome('Quote', { ...call, authorizations: [authorization] });
    if (first !== 'TPM_RC_SUCCESS') return first;
    return tpm.outcome('Quote', { ...call, authorizations: [authorization] });
  }),
  refused('a session bound to the key: its authorization is in the session', 'TPM_RC_SUCCESS', async (tpm) => {
    const ak = await tpm.primary(AK_ECC_P256, owner, DIGEST);
    const hmac = await tpm.hmacSession(ak, DIGEST);
    hmac.roll();
    const call = quoteOf(ak);
    const { parameters } = await send(tpm.transport, 'ReadPublic', { handles: [ak], request: {} });
    const request = encode(COMMANDS.Quote.request, call.request);
    const bound = hmac.authorize({ session: hmac }, COMMANDS.Quote.code, [nameIn(parameters)], request, []);
    return tpm.outcome('Quote', { ...call, authorizations: [bound] });
  }),
  refused('a session bound to another key', 'TPM_RC_BAD_AUTH session 1', async (tpm) => {
    const ak = await tpm.primary(AK_ECC_P256, owner, DIGEST);
    const other = await tpm.primary(SRK_ECC_P256, owner, DIGEST);
    const hmac = await tpm.hmacSession(other, DIGEST);
    hmac.roll();
    const call = quoteOf(ak);
    const { parameters } = await send(tpm.transport, 'ReadPublic', { handles: [ak], request: {} });
    const request = encode(COMMANDS.Quote.request, call.request);
    const bound = hmac.authorize({ session: hmac }, COMMANDS.Quote.code, [nameIn(parameters)], request, []);
    return tpm.outcome('Quote', { ...call, authorizations: [bound] });
  }),
  refused('a fourth object', 'TPM_RC_OBJECT_MEMORY', async (tpm) => {
    for (let i = 0; i < 3; i++) await tpm.primary(AK_ECC_P256);
    return tpm.outcome('CreatePrimary', primary(AK_ECC_P256));
  }),
  refused('a fourth session', 'TPM_RC_SESSION_MEMORY', async (tpm) => {
    for (let i = 0; i < 3; i++) await tpm.session();
    return tpm.outcome('StartAuthSession', start());
  }),
  refused('an object that is not loaded', 'TPM_RC_REFERENCE_H0', (tpm) =>
    tpm.outcome('ReadPublic', { handles: [0x80000002], request: {} }),
  ),
  refused('an object that cannot be', 'TPM_RC_VALUE handle 1', (tpm) =>
    tpm.outcome('ReadPublic', { handles: [0x80000fff], request: {} }),
  ),
  refused('a persistent object that is not there', 'TPM_RC_HANDLE handle 1', (tpm) =>
    tpm.outcome('ReadPublic', { handles: [0x81000fff], request: {} }),
  ),
  refused('a PCR in the place of an object', 'TPM_RC_VALUE handle 1', (tpm) =>
    tpm.outcome('ReadPublic', { handles: [0], request: {} }),
  ),
  refused('flushing an object that is not there', 'TPM_RC_HANDLE parameter 1', (tpm) =>
    tpm.outcome('FlushContext', { request: { flushHandle: 0x80000002 } }),
  ),
  refused('flushing a session that is not there', 'TPM_RC_HANDLE parameter 1', (tpm) =>
    tpm.outcome('FlushContext', { request: { flushHandle: 0x02000002 } }),
  ),
  refused('flushing a hierarchy', 'TPM_RC_VALUE parameter 1', (tpm) =>
    tpm.outcome('FlushContext', { request: { flushHandle: owner } }),
  ),
  refused('making persistent beyond the owner’s handles', 'TPM_RC_RANGE parameter 1', async (tpm) =>
    tpm.outcome('EvictControl', {
      handles: [owner, await tpm.primary(SRK_ECC_P256)],
      request: { persistentHandle: 0x81800000 },
      authorizations: [PASSWORD],
    }),
  ),
  refused('making a key of the NULL hierarchy persistent', 'TPM_RC_ATTRIBUTES handle 2', async (tpm) =>
    tpm.outcome('EvictControl', {
      handles: [owner, await tpm.primary(SRK_ECC_P256, NULL)],
      request: { persistentHandle: 0x81000f00 },
      authorizations: [PASSWORD],
    }),
  ),
  refused('making persistent where another stands', 'TPM_RC_NV_DEFINED', async (tpm) =>
    tpm.outcome('EvictControl', {
      handles: [owner, await tpm.primary(SRK_ECC_P256)],
      request: { persistentHandle: EK },
      authorizations: [PASSWORD],
    }),
  ),
  refused('extending a DRTM register', 'TPM_RC_LOCALITY', (tpm) =>
    tpm.outcome('PCR_Extend', { handles: [17], request: { digests: [] }, authorizations: [PASSWORD] }),
  ),
  refused('resetting a static register', 'TPM_RC_LOCALITY', (tpm) =>
    tpm.outcome('PCR_Reset', { handles: [0], request: {}, authorizations: [PASSWORD] }),
  ),
  refused('resetting the debug register', 'TPM_RC_SUCCESS', (tpm) =>
    tpm.outcome('PCR_Reset', { handles: [16], request: {}, authorizations: [PASSWORD] }),
  ),
  refused('a PCR that there is not', 'TPM_RC_VALUE handle 1', (tpm) =>
    tpm.outcome('PCR_Extend', { handles: [24], request: { digests: [] }, authorizations: [PASSWORD] }),
  ),
  refused('a quote by a storage key', 'TPM_RC_KEY handle 1', async (tpm) =>
    tpm.outcome('Quote', quoteOf(await tpm.primary(SRK_ECC_P256))),
  ),
  refused('a quote in another scheme', 'TPM_RC_SCHEME parameter 2', async (tpm) =>
    tpm.outcome('Quote', {
      ...quoteOf(await tpm.primary(AK_ECC_P256)),
      request: { qualifyingData: NONE, inScheme: { scheme: 'ecdsa', hashAlg: 'sha384' }, PCRselect: [] },
    }),
  ),
  refused('a quote by a key without a scheme, and none asked', 'TPM_RC_SCHEME parameter 2', async (tpm) => {
    const free = ecc(withAttributes(AK_ECC_P256, { restricted: false }), { scheme: { scheme: 'null' } });
    return tpm.outcome('Quote', quoteOf(await tpm.primary(free)));
  }),
  refused('ECDH with a storage key', 'TPM_RC_ATTRIBUTES handle 1', async (tpm) =>
    tpm.outcome('ECDH_ZGen', {
      handles: [await tpm.primary(SRK_ECC_P256)],
      request: { inPoint: POINT },
      authorizations: [PASSWORD],
    }),
  ),
  refused('ECDH with an RSA key', 'TPM_RC_KEY handle 1', async (tpm) =>
    tpm.outcome('ECDH_ZGen', {
      handles: [await tpm.primary(AK_RSA_2048)],
      request: { inPoint: POINT },
      authorizations: [PASSWORD],
    }),
  ),
  refused('ECDH with a point off the curve', 'TPM_RC_ECC_POINT parameter 1', async (tpm) =>
    tpm.outcome('ECDH_ZGen', {
      handles: [await tpm.primary(ECDH_KEY)],
      request: { inPoint: { x: POINT.y, y: POINT.x } },
      authorizations: [PASSWORD],
    }),
  ),
  refused('a credential for a signing key', 'TPM_RC_TYPE handle 2', async (tpm) => {
    const ak = await tpm.primary(AK_ECC_P256);
    return tpm.outcome('ActivateCredential', {
      handles: [ak, ak],
      request: {
        credentialBlob: {
          value: { integrityHMAC: NONE, encIdentity: DIGEST },
          bytes: concat(new Uint8Array(2), DIGEST),
        },
        secret: DIGEST,
      },
      authorizations: [PASSWORD, PASSWORD],
    });
  }),
  template('without fixedParent', 'TPM_RC_ATTRIBUTES parameter 2', withAttributes(AK_ECC_P256, { fixedParent: false })),
  template(
    'from elsewhere',
    'TPM_RC_ATTRIBUTES parameter 2',
    withAttributes(AK_ECC_P256, { sensitiveDataOrigin: false }),
  ),
  template('restricted to both', 'TPM_RC_ATTRIBUTES parameter 2', withAttributes(AK_ECC_P256, { decrypt: true })),
  template('restricted to nothing', 'TPM_RC_ATTRIBUTES parameter 2', withAttributes(AK_ECC_P256, { sign: false })),
  template(
    'duplicable and fixed',
    'TPM_RC_ATTRIBUTES parameter 2',
    withAttributes(AK_ECC_P256, { encryptedDuplication: true }),
  ),
  template(
    'restricted without a scheme',
    'TPM_RC_SCHEME parameter 2',
    ecc(AK_ECC_P256, { scheme: { scheme: 'null' } }),
  ),
  template(
    'for signing with ECDH',
    'TPM_RC_SCHEME parameter 2',
    ecc(AK_ECC_P256, { scheme: { scheme: 'ecdh', hashAlg: 'sha256' } }),
  ),
  template(
    'for storage without a cipher',
    'TPM_RC_SYMMETRIC parameter 2',
    ecc(SRK_ECC_P256, { symmetric: { algorithm: 'null' } }),
  ),
  template('for signing with a cipher', 'TPM_RC_SYMMETRIC parameter 2', ecc(AK_ECC_P256, { symmetric: AES })),
  template('with a KDF', 'TPM_RC_KDF parameter 2', ecc(AK_ECC_P256, { kdf: { scheme: 'kdf2', hashAlg: 'sha256' } })),
  template(
    'with a policy of odd size',
    'TPM_RC_SIZE parameter 2',
    altered(AK_ECC_P256, () => ({ authPolicy: NONCE.subarray(1) })),
  ),
  template('of 512 bits', 'TPM_RC_VALUE parameter 2', rsa(AK_RSA_2048, { keyBits: 512 })),
  template('with exponent 2', 'TPM_RC_RANGE', rsa(AK_RSA_2048, { exponent: 2 })),
  template('of the P-384 profile', 'TPM_RC_SUCCESS', EK_ECC_P384, endorsement),
  template('for no use', 'TPM_RC_ATTRIBUTES parameter 2', withAttributes(ECDH_KEY, { decrypt: false })),
  refused('a primary key under lockout', 'TPM_RC_VALUE handle 1', (tpm) =>
    tpm.outcome('CreatePrimary', primary(AK_ECC_P256, TPM_RH.lockout)),
  ),
  refused('a primary key with data', 'TPM_RC_SUCCESS', (tpm) =>
    tpm.outcome('CreatePrimary', primary(AK_ECC_P256, owner, { userAuth: NONE, data: DIGEST })),
  ),
  refused('a primary key with too long an authorization', 'TPM_RC_SIZE parameter 1', (tpm) =>
    tpm.outcome('CreatePrimary', primary(AK_ECC_P256, owner, { userAuth: new Uint8Array(33).fill(1), data: NONE })),
  ),
  refused('a foreign public key loaded below lockout', 'TPM_RC_VALUE parameter 3', async (tpm) =>
    tpm.outcome('LoadExternal', {
      request: { inPrivate: undefined, inPublic: FOREIGN_KEY, hierarchy: TPM_RH.lockout },
    }),
  ),
  refused('ECDH with a foreign public key', 'TPM_RC_AUTH_UNAVAILABLE', async (tpm) => {
    const request = { inPrivate: undefined, inPublic: FOREIGN_KEY, hierarchy: NULL };
    const foreign = await tpm.make('LoadExternal', { request });
    return tpm.outcome('ECDH_ZGen', { handles: [foreign], request: { inPoint: POINT }, authorizations: [PASSWORD] });
  }),
  refused('a salt to a foreign public key', 'TPM_RC_HANDLE handle 1', async (tpm) => {
    const request = { inPrivate: undefined, inPublic: FOREIGN_KEY, hierarchy: NULL };
    const foreign = await tpm.make('LoadExternal', { request });
    return tpm.outcome('StartAuthSession', { ...start({ encryptedSalt: DIGEST }), handles: [foreign, NULL] });
  }),
  refused('reading an index never written', 'TPM_RC_NV_UNINITIALIZED', (tpm) =>
    withNv(tpm, () => tpm.outcome('NV_Read', nvRead(owner, 8))),
  ),
  refused('writing an index with its own authorization', 'TPM_RC_AUTH_UNAVAILABLE', (tpm) =>
    withNv(tpm, () =>
      tpm.outcome('NV_Write', {
        handles: [NV, NV],
        request: { data: NONCE.subarray(24), offset: 0 },
        authorizations: [PASSWORD],
      }),
    ),
  ),
  refused('writing past the end of an index', 'TPM_RC_NV_RANGE', (tpm) =>
    withNv(tpm, () =>
      tpm.outcome('NV_Write', {
        handles: [owner, NV],
        request: { data: NONCE.subarray(24), offset: 1 },
        authorizations: [PASSWORD],
      }),
    ),
  ),
  refused('reading what was written', 'TPM_RC_SUCCESS', (tpm) =>
    withNv(tpm, async () => {
      const data = NONCE.subarray(24);
      await tpm.outcome('NV_Write', { handles: [owner, NV], request: { data, offset: 0 }, authorizations: [PASSWORD] });
      return tpm.outcome('NV_Read', nvRead(NV, 8));
    }),
  ),
  refused('reading past the end of an index', 'TPM_RC_NV_RANGE', (tpm) =>
    withNv(tpm, async () => {
      const data = NONCE.subarray(24);
      await tpm.outcome('NV_Write', { handles: [owner, NV], request: { data, offset: 0 }, authorizations: [PASSWORD] });
      return tpm.outcome('NV_Read', nvRead(owner, 8, 1));
    }),
  ),
  refused('reading as the owner where the owner may not', 'TPM_RC_NV_AUTHORIZATION', (tpm) =>
    withNv(tpm, () => tpm.outcome('NV_Read', nvRead(owner, 8)), {
      attributes: TPMA_NV.of('ownerWrite', 'authRead', 'noDA'),
    }),
  ),
  refused('defining an index twice', 'TPM_RC_NV_DEFINED', (tpm) =>
    withNv(tpm, () => tpm.outcome('NV_DefineSpace', define())),
  ),
  refused('defining an index nobody can read', 'TPM_RC_ATTRIBUTES parameter 2', (tpm) =>
    tpm.outcome('NV_DefineSpace', define({ attributes: TPMA_NV.of('ownerWrite') })),
  ),
  refused('undefining an index that is not there', 'TPM_RC_HANDLE handle 2', undefine),
  sealing('of no bytes', 'TPM_RC_ATTRIBUTES parameter 2', SEALED, NONE),
  sealing('of too many bytes', 'TPM_RC_SIZE parameter 1', SEALED, new Uint8Array(129)),
  sealing(
    'from the TPM itself',
    'TPM_RC_ATTRIBUTES parameter 2',
    altered(SEALED, ({ objectAttributes }) => ({
      objectAttributes: { ...objectAttributes, sensitiveDataOrigin: true },
    })),
  ),
  sealing(
    'that sign',
    'TPM_RC_SCHEME parameter 2',
    altered(SEALED, ({ objectAttributes }) => ({ objectAttributes: { ...objectAttributes, sign: true } })),
  ),
  sealing(
    'with a policy of odd size',
    'TPM_RC_SIZE parameter 2',
    altered(SEALED, () => ({ authPolicy: NONCE.subarray(1) })),
  ),
  refused('sealing below a key for signing', 'TPM_RC_TYPE handle 1', async (tpm) =>
    tpm.outcome('Create', create(await tpm.primary(AK_ECC_P256), SEALED)),
  ),
  refused('loading what nobody sealed', 'TPM_RC_INTEGRITY parameter 1', async (tpm) =>
    tpm.outcome('Load', {
      handles: [await tpm.primary(SRK_ECC_P256)],
      request: { inPrivate: concat(Uint8Array.of(0, 32), new Uint8Array(112)), inPublic: SEALED },
      authorizations: [PASSWORD],
    }),
  ),
  refused('unsealing a key', 'TPM_RC_TYPE handle 1', async (tpm) =>
    tpm.outcome('Unseal', {
      handles: [await tpm.primary(AK_ECC_P256)],
      request: {},
      authorizations: [PASSWORD],
    }),
  ),
  refused('a wrong signature', 'TPM_RC_SIGNATURE parameter 2', async (tpm) =>
    tpm.outcome('VerifySignature', verify(await signer(tpm))),
  ),
  refused('a signature by a key that does not sign', 'TPM_RC_ATTRIBUTES handle 1', async (tpm) =>
    tpm.outcome('VerifySignature', verify(await tpm.primary(SRK_ECC_P256))),
  ),
  refused('PolicyAuthorize of another policy', 'TPM_RC_VALUE parameter 1', async (tpm) =>
    tpm.outcome('PolicyAuthorize', approve(await tpm.session({ sessionType: 'policy' }), { approvedPolicy: DIGEST })),
  ),
  refused('PolicyAuthorize without a ticket', 'TPM_RC_VALUE parameter 4', async (tpm) =>
    tpm.outcome('PolicyAuthorize', approve(await tpm.session({ sessionType: 'policy' }), {})),
  ),
  refused('PolicyAuthorize with the empty ticket of the NULL hierarchy', 'TPM_RC_VALUE parameter 4', async (tpm) =>
    tpm.outcome(
      'PolicyAuthorize',
      approve(await tpm.session({ sessionType: 'policy' }), { checkTicket: { ...NO_TICKET, hierarchy: NULL } }),
    ),
  ),
  refused('PolicyAuthorize by no Name', 'TPM_RC_HASH parameter 3', async (tpm) =>
    tpm.outcome('PolicyAuthorize', approve(await tpm.session({ sessionType: 'policy' }), { keySign: DIGEST })),
  ),
  refused('PolicyAuthorize by half a Name', 'TPM_RC_SIZE parameter 3', async (tpm) =>
    tpm.outcome(
      'PolicyAuthorize',
      approve(await tpm.session({ sessionType: 'policy' }), { keySign: nameOf(crypto, SIGNER).subarray(0, 20) }),
    ),
  ),
  refused('PolicyAuthorize in a trial session', 'TPM_RC_SUCCESS', async (tpm) =>
    tpm.outcome('PolicyAuthorize', approve(await tpm.session({ sessionType: 'trial' }), {})),
  ),
  refused('writing a locked index', 'TPM_RC_NV_LOCKED', (tpm) =>
    withNv(
      tpm,
      async () => {
        const data = NONCE.subarray(24);
        const write: RawCall<'NV_Write'> = {
          handles: [owner, NV],
          request: { data, offset: 0 },
          authorizations: [PASSWORD],
        };
        await tpm.outcome('NV_Write', write);
        await tpm.outcome('NV_WriteLock', nvLock(owner));
        return tpm.outcome('NV_Write', write);
      },
      { attributes: LOCKABLE },
    ),
  ),
  refused('locking an index that cannot be locked', 'TPM_RC_ATTRIBUTES handle 2', (tpm) =>
    withNv(tpm, () => tpm.outcome('NV_WriteLock', nvLock(owner))),
  ),
  refused('locking an index with its own authorization', 'TPM_RC_AUTH_UNAVAILABLE', (tpm) =>
    withNv(tpm, () => tpm.outcome('NV_WriteLock', nvLock(NV)), { attributes: LOCKABLE }),
  ),
  refused('the authorization of the NULL hierarchy changed', 'TPM_RC_VALUE handle 1', (tpm) =>
    tpm.outcome('HierarchyChangeAuth', { handles: [NULL], request: { newAuth: NONE }, authorizations: [PASSWORD] }),
  ),
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
  refused('PolicySecret by a policy that shows no authorization', 'TPM_RC_MODE session 1', async (tpm) => {
    const { code } = COMMANDS.PolicySecret;
    const authPolicy = PolicyDigest.start(crypto, 'sha256').commandCode(code).digest;
    const key = await tpm.primary(altered(AK_ECC_P256, () => ({ authPolicy })));
    const [one, other] = [await tpm.session({ sessionType: 'policy' }), await tpm.session({ sessionType: 'policy' })];
    await tpm.outcome('PolicyCommandCode', { handles: [one], request: { code } });
    return tpm.outcome('PolicySecret', {
      handles: [key, other],
      request: { nonceTPM: NONE, cpHashA: NONE, policyRef: NONE, expiration: 0 },
      authorizations: [session(one)],
    });
  }),
  refused('PolicyNvWritten for what is no index', 'TPM_RC_POLICY_FAIL session 1', async (tpm) => {
    const policy = await tpm.session({ sessionType: 'policy' });
    await tpm.outcome('PolicyNvWritten', { handles: [policy], request: { writtenSet: true } });
    const { parameters } = await send(tpm.transport, 'PolicyGetDigest', { handles: [policy], request: {} });
    const key = await tpm.primary(altered(AK_ECC_P256, () => ({ authPolicy: parameters.slice(2) })));
    return tpm.outcome('Quote', { ...quoteOf(key), authorizations: [session(policy)] });
  }),
  refused('PolicyDuplicationSelect for another command', 'TPM_RC_COMMAND_CODE', async (tpm) => {
    const handles = [await tpm.session({ sessionType: 'policy' })];
    await tpm.outcome('PolicyCommandCode', { handles, request: { code: COMMANDS.Quote.code } });
    const request = { objectName: NONE, newParentName: NONE, includeObject: false };
    return tpm.outcome('PolicyDuplicationSelect', { handles, request });
  }),
  refused('PolicyLocality of bits and of a number', 'TPM_RC_RANGE parameter 1', async (tpm) => {
    const handles = [await tpm.session({ sessionType: 'policy' })];
    await tpm.outcome('PolicyLocality', { handles, request: { locality: 40 } });
    await tpm.outcome('PolicyLocality', { handles, request: { locality: 40 } });
    return tpm.outcome('PolicyLocality', { handles, request: { locality: 41 } });
  }),
  refused('PolicySigned in another scheme than the key’s', 'TPM_RC_SCHEME parameter 5', async (tpm) =>
    tpm.outcome('PolicySigned', {
      handles: [await signer(tpm), await tpm.session({ sessionType: 'policy' })],
      request: {
        nonceTPM: NONE,
        cpHashA: NONE,
        policyRef: NONE,
        expiration: 0,
        auth: { sigAlg: 'rsassa', hash: 'sha256', sig: new Uint8Array(256) },
      },
    }),
  ),
  refused('a signature of another scheme than the key’s', 'TPM_RC_SCHEME parameter 2', async (tpm) =>
    tpm.outcome('VerifySignature', {
      handles: [await signer(tpm)],
      request: { digest: DIGEST, signature: { sigAlg: 'rsassa', hash: 'sha256', sig: new Uint8Array(256) } },
    }),
  ),
  refused('an RSA signature that is none', 'TPM_RC_SIGNATURE parameter 2', async (tpm) =>
    tpm.outcome('VerifySignature', {
      handles: [await tpm.primary(AK_RSA_2048)],
      request: { digest: DIGEST, signature: { sigAlg: 'rsassa', hash: 'sha256', sig: new Uint8Array(256) } },
    }),
  ),
  refused('a key that stays, below a parent that may leave', 'TPM_RC_ATTRIBUTES parameter 2', async (tpm) => {
    const leaves = withAttributes(SRK_ECC_P256, { fixedTPM: false, fixedParent: false });
    return tpm.outcome('Create', create(await tpm.primary(leaves), AK_ECC_P256, NONE));
  }),
  refused('a key in two wrappings, below a parent that leaves in one', 'TPM_RC_ATTRIBUTES parameter 2', async (tpm) => {
    const leaves = { fixedTPM: false, fixedParent: false };
    const parent = await tpm.primary(withAttributes(SRK_ECC_P256, leaves));
    const child = withAttributes(AK_ECC_P256, { ...leaves, encryptedDuplication: true });
    return tpm.outcome('Create', create(parent, child, NONE));
  }),
  refused('an RSA key below a parent', 'TPM_RC_SUCCESS', async (tpm) =>
    tpm.outcome('Create', create(await tpm.primary(SRK_ECC_P256), AK_RSA_2048, NONE)),
  ),
  refused('a storage key below a parent', 'TPM_RC_SUCCESS', async (tpm) =>
    tpm.outcome('Create', create(await tpm.primary(SRK_ECC_P256), SRK_ECC_P256, NONE)),
  ),
  refused('a key with data below a parent', 'TPM_RC_ATTRIBUTES parameter 2', async (tpm) =>
    tpm.outcome('Create', create(await tpm.primary(SRK_ECC_P256), AK_ECC_P256, DIGEST)),
  ),
  refused('sealed data as a primary', 'TPM_RC_SUCCESS', (tpm) =>
    tpm.outcome('CreatePrimary', primary(SEALED, owner, { userAuth: NONE, data: DIGEST })),
  ),
  refused('an HMAC key without a scheme', 'TPM_RC_SCHEME parameter 2', async (tpm) => {
    const key = withAttributes(SEALED, { sign: true, sensitiveDataOrigin: true });
    return tpm.outcome('Create', create(await tpm.primary(SRK_ECC_P256), key, NONE));
  }),
  refused('a quote by an HMAC key', 'TPM_RC_SUCCESS', async (tpm) => {
    const key = altered(withAttributes(SEALED, { sign: true, sensitiveDataOrigin: true }), () => ({
      parameters: { is: 'keyedhash', value: { scheme: { scheme: 'hmac', hashAlg: 'sha256' } } },
    }));
    return tpm.outcome('Quote', quoteOf(await tpm.primary(key)));
  }),
  refused('a counter of four bytes', 'TPM_RC_SIZE parameter 2', (tpm) =>
    tpm.outcome('NV_DefineSpace', define({ attributes: { ...NV_ATTRIBUTES, kind: 'counter' }, dataSize: 4 })),
  ),
  refused('a counter that forgets', 'TPM_RC_ATTRIBUTES parameter 2', (tpm) =>
    tpm.outcome(
      'NV_DefineSpace',
      define({ attributes: { ...TPMA_NV.of('ownerWrite', 'ownerRead', 'clearStClear'), kind: 'counter' } }),
    ),
  ),
  refused('an index that forgets and is locked for good', 'TPM_RC_ATTRIBUTES parameter 2', (tpm) =>
    tpm.outcome(
      'NV_DefineSpace',
      define({ attributes: TPMA_NV.of('ownerWrite', 'ownerRead', 'clearStClear', 'writeDefine') }),
    ),
  ),
  refused('half of what is written whole', 'TPM_RC_NV_RANGE', (tpm) =>
    withNv(
      tpm,
      () =>
        tpm.outcome('NV_Write', {
          handles: [owner, NV],
          request: { data: NONCE.subarray(28), offset: 0 },
          authorizations: [PASSWORD],
        }),
      { attributes: TPMA_NV.of('ownerWrite', 'ownerRead', 'authRead', 'noDA', 'writeAll') },
    ),
  ),
  refused('a policy digest of odd size for an index', 'TPM_RC_SIZE parameter 2', (tpm) =>
    tpm.outcome('NV_DefineSpace', define({ authPolicy: DIGEST.subarray(1) })),
  ),
  refused('extending no PCR', 'TPM_RC_SUCCESS', (tpm) =>
    tpm.outcome('PCR_Extend', { handles: [NULL], request: { digests: [] }, authorizations: [PASSWORD] }),
  ),
  refused('saving a persistent object', 'TPM_RC_VALUE handle 1', (tpm) =>
    tpm.outcome('ContextSave', { handles: [EK], request: {} }),
  ),
  refused('hashing more than the buffer holds', 'TPM_RC_SIZE parameter 1', (tpm) =>
    tpm.outcome('Hash', { request: { data: new Uint8Array(1025), hashAlg: 'sha256', hierarchy: owner } }),
  ),
  refused('starting twice', 'TPM_RC_INITIALIZE', (tpm) =>
    tpm.outcome('Startup', { request: { startupType: 'clear' } }),
  ),
];

function nameIn(readPublicParameters: Uint8Array): Uint8Array {
  const publicEnd = 2 + ((readPublicParameters[0]! << 8) | readPublicParameters[1]!);
  const length = (readPublicParameters[publicEnd]! << 8) | readPublicParameters[publicEnd + 1]!;
  return readPublicParameters.slice(publicEnd + 2, publicEnd + 2 + length);
}
