import { encode, type Infer } from '@sekimori/codec';
import { Secret } from '@sekimori/crypto-core';
import {
  type CommandName,
  healthKeyTemplate,
  nameOf,
  NO_SENSITIVE,
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
import { crypto, described, NONE, PASSWORD, type RawCall, send } from '../tpms.ts';

/** What a TPM answers to a caller that does something wrong. The same of software-tpm and of swtpm. */
export interface RefusalCase {
  readonly name: string;
  readonly expected: string;
  run(tpm: Bench): Promise<string>;
}

export const { owner, endorsement } = TPM_RH;
export const NULL = TPM_RH.null;
export const EK = WELL_KNOWN.rsa2048EndorsementKey;
export const AES = { algorithm: 'aes', keyBits: 128, mode: 'cfb' } as const;
export const NONCE = new Uint8Array(32).fill(7);
export const DIGEST = new Uint8Array(32).fill(1);
export const POLICY_NONE = new Uint8Array(32);

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

export function primary(
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

export function start(change: Partial<RequestOf<'StartAuthSession'>> = {}): RawCall<'StartAuthSession'> {
  const usual = { encryptedSalt: NONE, sessionType: 'hmac', symmetric: AES, authHash: 'sha256' } as const;
  return { handles: [NULL, NULL], request: { nonceCaller: NONCE, ...usual, ...change } };
}

export const session = (sessionHandle: number, ...attributes: readonly ('decrypt' | 'encrypt')[]) => ({
  ...PASSWORD,
  sessionHandle,
  sessionAttributes: TPMA_SESSION.of('continueSession', ...attributes),
});
export const password = (text: Uint8Array) => ({ ...PASSWORD, hmac: text });
export const altered = (template: PublicArea, change: (area: TpmtPublic) => Partial<TpmtPublic>) =>
  publicArea({ ...template.value, ...change(template.value) });
export const withAttributes = (template: PublicArea, change: Partial<TpmtPublic['objectAttributes']>) =>
  altered(template, (area) => ({ objectAttributes: { ...area.objectAttributes, ...change } }));
export const ecc = (template: PublicArea, change: object) =>
  altered(template, ({ parameters }) => ({
    parameters: { is: 'ecc', value: { ...parameters.value, ...change } } as TpmtPublic['parameters'],
  }));
export const rsa = (template: PublicArea, change: object) =>
  altered(template, ({ parameters }) => ({
    parameters: { is: 'rsa', value: { ...parameters.value, ...change } } as TpmtPublic['parameters'],
  }));
export const quoteOf = (handle: number): RawCall<'Quote'> => ({
  handles: [handle],
  request: { qualifyingData: DIGEST, inScheme: { scheme: 'null' }, PCRselect: [] },
  authorizations: [PASSWORD],
});
export const random = (bytesRequested = 8) => ({ request: { bytesRequested } });
export const ECDH_KEY = withAttributes(healthKeyTemplate(NONE), { userWithAuth: true });
const GENERATOR = (await crypto.generateKey({ type: 'ec', curve: 'P-256' })).publicKey;
export const POINT = GENERATOR.type === 'ec' ? { x: GENERATOR.x, y: GENERATOR.y } : { x: NONE, y: NONE };
export const FOREIGN_KEY = altered(ECDH_KEY, ({ objectAttributes }) => ({
  objectAttributes: { ...objectAttributes, fixedTPM: false, fixedParent: false, sensitiveDataOrigin: false },
  unique: { is: 'ecc', value: POINT },
}));
export const NV = 0x01800100;
export const NV_ATTRIBUTES = TPMA_NV.of('ownerWrite', 'ownerRead', 'authRead', 'noDA');
export const define = (change: Partial<Infer<typeof TPMS_NV_PUBLIC>> = {}): RawCall<'NV_DefineSpace'> => {
  const usual = { nvIndex: NV, nameAlg: 'sha256', attributes: NV_ATTRIBUTES, authPolicy: NONE, dataSize: 8 } as const;
  const value = { ...usual, ...change };
  return {
    handles: [owner],
    request: { auth: NONE, publicInfo: { value, bytes: encode(TPMS_NV_PUBLIC, value) } },
    authorizations: [PASSWORD],
  };
};
export const nvRead = (authHandle: number, size: number, offset = 0): RawCall<'NV_Read'> => ({
  handles: [authHandle, NV],
  request: { size, offset },
  authorizations: [PASSWORD],
});
export const undefine = (tpm: Bench) =>
  tpm.outcome('NV_UndefineSpace', { handles: [owner, NV], request: {}, authorizations: [PASSWORD] });
export async function withNv(
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

export const SEALED = publicArea({
  type: 'keyedhash',
  nameAlg: 'sha256',
  objectAttributes: TPMA_OBJECT.of('fixedTPM', 'fixedParent', 'noDA', 'userWithAuth'),
  authPolicy: NONE,
  parameters: { is: 'keyedhash', value: { scheme: { scheme: 'null' } } },
  unique: { is: 'keyedhash', value: NONE },
});
export const create = (parent: number, inPublic: PublicArea, data: Uint8Array = DIGEST): RawCall<'Create'> => ({
  handles: [parent],
  request: { inSensitive: { userAuth: NONE, data }, inPublic, outsideInfo: NONE, creationPCR: [] },
  authorizations: [PASSWORD],
});
export const sealing = (name: string, expected: string, inPublic: PublicArea, data?: Uint8Array) =>
  refused(`sealed data ${name}`, expected, async (tpm) =>
    tpm.outcome('Create', create(await tpm.primary(SRK_ECC_P256), inPublic, data)),
  );
export const SIGNER = altered(FOREIGN_KEY, ({ parameters }) => ({
  objectAttributes: TPMA_OBJECT.of('sign', 'userWithAuth'),
  parameters: {
    is: 'ecc',
    value: { ...parameters.value, scheme: { scheme: 'ecdsa', hashAlg: 'sha256' } },
  } as TpmtPublic['parameters'],
}));
export const signer = (tpm: Bench, hierarchy: number = owner) =>
  tpm.make('LoadExternal', { request: { inPrivate: undefined, inPublic: SIGNER, hierarchy } });
export const verify = (
  keyHandle: number,
  digest: Uint8Array = DIGEST,
  hash: 'sha256' | 'sha384' = 'sha256',
): RawCall<'VerifySignature'> => ({
  handles: [keyHandle],
  request: { digest, signature: { sigAlg: 'ecdsa', hash, signatureR: DIGEST, signatureS: DIGEST } },
});
export const NO_TICKET = { tag: 0x8022, hierarchy: owner, digest: NONE } as const;
export const approve = (
  policySession: number,
  change: Partial<RequestOf<'PolicyAuthorize'>>,
): RawCall<'PolicyAuthorize'> => ({
  handles: [policySession],
  request: {
    approvedPolicy: POLICY_NONE,
    policyRef: NONE,
    keySign: nameOf(crypto, SIGNER),
    checkTicket: NO_TICKET,
    ...change,
  },
});
export const nvLock = (authHandle: number): RawCall<'NV_WriteLock'> => ({
  handles: [authHandle, NV],
  request: {},
  authorizations: [PASSWORD],
});
export const LOCKABLE = TPMA_NV.of('ownerWrite', 'ownerRead', 'authRead', 'noDA', 'writeDefine');

export const refused = (name: string, expected: string, run: RefusalCase['run']): RefusalCase => ({
  name,
  expected,
  run,
});
export const template = (name: string, expected: string, inPublic: PublicArea, hierarchy: number = owner) =>
  refused(`a primary key ${name}`, expected, (tpm) => tpm.outcome('CreatePrimary', primary(inPublic, hierarchy)));

export function nameIn(readPublicParameters: Uint8Array): Uint8Array {
  const publicEnd = 2 + ((readPublicParameters[0]! << 8) | readPublicParameters[1]!);
  const length = (readPublicParameters[publicEnd]! << 8) | readPublicParameters[publicEnd + 1]!;
  return readPublicParameters.slice(publicEnd + 2, publicEnd + 2 + length);
}
