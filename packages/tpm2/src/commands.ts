import { type Codec, closed, emptyOr, i32, type Infer, list, raw, sized, struct, u8, u16, u32 } from '@sekimori/codec';
import { TPMI_ALG_HASH } from './algorithms.ts';
import { TPMI_YES_NO } from './attest.ts';
import {
  TPM2B_ATTEST,
  TPM2B_AUTH,
  TPM2B_DATA,
  TPM2B_DIGEST,
  TPM2B_ENCRYPTED_SECRET,
  TPM2B_MAX_NV_BUFFER,
  TPM2B_NAME,
  TPM2B_NONCE,
  TPM2B_PRIVATE,
  TPM2B_SENSITIVE_DATA,
  TPM2B_TIMEOUT,
  TPML_DIGEST,
  TPML_DIGEST_VALUES,
  TPMS_ECC_POINT,
} from './buffers.ts';
import {
  TPM2B_CREATION_DATA,
  TPM2B_ID_OBJECT,
  TPM2B_NV_PUBLIC,
  TPM2B_SENSITIVE_CREATE,
  TPMT_TK_AUTH,
  TPMT_TK_CREATION,
  TPMT_TK_VERIFIED,
} from './objects.ts';
import { TPML_PCR_BANKS, TPML_PCR_SELECTION } from './pcr-selection.ts';
import { TPM2B_PUBLIC } from './public-area.ts';
import { TPMT_SIG_SCHEME, TPMT_SYM_DEF } from './schemes.ts';
import { TPMT_SIGNATURE } from './signature.ts';
import { union } from './union.ts';

/** The layout of one command and its response. Part 3; the number of authorized handles is the number of '@' there. */
export interface Command<
  Handle extends string = string,
  Request = unknown,
  Response = unknown,
  Returns extends boolean = boolean,
> {
  /** TPM_CC. */
  readonly code: number;
  /** In wire order; the first `authorized` of them each need an authorization. */
  readonly handles: readonly Handle[];
  readonly authorized: number;
  readonly request: Codec<Request>;
  /** Whether a handle stands before the response's parameters. */
  readonly returnsHandle: Returns;
  readonly response: Codec<Response>;
}

const EMPTY: Codec<object> = struct('no parameters');

function command<
  const Handle extends string = never,
  Request = object,
  Response = object,
  const Returns extends boolean = false,
>(
  code: number,
  layout: {
    readonly handles?: readonly Handle[];
    readonly authorized?: number;
    readonly request?: Codec<Request>;
    readonly returnsHandle?: Returns;
    readonly response?: Codec<Response>;
  },
): Command<Handle, Request, Response, Returns> {
  return {
    code,
    handles: layout.handles ?? [],
    authorized: layout.authorized ?? 0,
    request: layout.request ?? (EMPTY as Codec<unknown> as Codec<Request>),
    returnsHandle: layout.returnsHandle ?? (false as Returns),
    response: layout.response ?? (EMPTY as Codec<unknown> as Codec<Response>),
  };
}

export const TPM_SU = closed('TPM_SU', u16, { clear: 0, state: 1 });
export const TPM_SE = closed('TPM_SE', u8, { hmac: 0, policy: 1, trial: 3 });
export const TPM_CAP = closed('TPM_CAP', u32, { handles: 1, pcrs: 5, tpmProperties: 6 });

/** TPMS_CAPABILITY_DATA, for the capabilities above. Part 2, 10.10.2. */
export const TPMS_CAPABILITY_DATA = union('TPMS_CAPABILITY_DATA', 'capability', TPM_CAP, {
  handles: struct('TPML_HANDLE').field('handles', list(u32, 254, u32)),
  pcrs: struct('TPML_PCR_SELECTION').field('banks', TPML_PCR_BANKS),
  tpmProperties: struct('TPML_TAGGED_TPM_PROPERTY').field(
    'properties',
    list(u32, 127, struct('TPMS_TAGGED_PROPERTY').field('property', u32).field('value', u32)),
  ),
});

const TPM2B_ECC_POINT = sized(u16, 136, TPMS_ECC_POINT, 'TPM2B_ECC_POINT');
const ATTESTED = struct('attestation').field('attest', TPM2B_ATTEST).field('signature', raw(TPMT_SIGNATURE));

/** Part 3. Named as there, without the prefix TPM2_. */
export const COMMANDS = {
  NV_UndefineSpace: command(0x122, { handles: ['authHandle', 'nvIndex'], authorized: 1 }),
  NV_DefineSpace: command(0x12a, {
    handles: ['authHandle'],
    authorized: 1,
    request: struct('NV_DefineSpace').field('auth', TPM2B_DIGEST).field('publicInfo', TPM2B_NV_PUBLIC),
  }),
  EvictControl: command(0x120, {
    handles: ['auth', 'objectHandle'],
    authorized: 1,
    request: struct('EvictControl').field('persistentHandle', u32),
  }),
  CreatePrimary: command(0x131, {
    handles: ['primaryHandle'],
    authorized: 1,
    request: struct('CreatePrimary')
      .field('inSensitive', TPM2B_SENSITIVE_CREATE)
      .field('inPublic', TPM2B_PUBLIC)
      .field('outsideInfo', TPM2B_DATA)
      .field('creationPCR', TPML_PCR_SELECTION),
    returnsHandle: true,
    response: struct('CreatePrimary response')
      .field('outPublic', TPM2B_PUBLIC)
      .field('creationData', TPM2B_CREATION_DATA)
      .field('creationHash', TPM2B_DIGEST)
      .field('creationTicket', TPMT_TK_CREATION)
      .field('name', TPM2B_NAME),
  }),
  HierarchyChangeAuth: command(0x129, {
    handles: ['authHandle'],
    authorized: 1,
    request: struct('HierarchyChangeAuth').field('newAuth', TPM2B_AUTH),
  }),
  NV_Write: command(0x137, {
    handles: ['authHandle', 'nvIndex'],
    authorized: 1,
    request: struct('NV_Write').field('data', TPM2B_MAX_NV_BUFFER).field('offset', u16),
  }),
  NV_WriteLock: command(0x138, { handles: ['authHandle', 'nvIndex'], authorized: 1 }),
  PCR_Reset: command(0x13d, { handles: ['pcrHandle'], authorized: 1 }),
  Startup: command(0x144, { request: struct('Startup').field('startupType', TPM_SU) }),
  Shutdown: command(0x145, { request: struct('Shutdown').field('shutdownType', TPM_SU) }),
  ActivateCredential: command(0x147, {
    handles: ['activateHandle', 'keyHandle'],
    authorized: 2,
    request: struct('ActivateCredential')
      .field('credentialBlob', TPM2B_ID_OBJECT)
      .field('secret', TPM2B_ENCRYPTED_SECRET),
    response: struct('ActivateCredential response').field('certInfo', TPM2B_DIGEST),
  }),
  Certify: command(0x148, {
    handles: ['objectHandle', 'signHandle'],
    authorized: 2,
    request: struct('Certify').field('qualifyingData', TPM2B_DATA).field('inScheme', TPMT_SIG_SCHEME),
    response: ATTESTED,
  }),
  NV_Read: command(0x14e, {
    handles: ['authHandle', 'nvIndex'],
    authorized: 1,
    request: struct('NV_Read').field('size', u16).field('offset', u16),
    response: struct('NV_Read response').field('data', TPM2B_MAX_NV_BUFFER),
  }),
  PolicySecret: command(0x151, {
    handles: ['authHandle', 'policySession'],
    authorized: 1,
    request: struct('PolicySecret')
      .field('nonceTPM', TPM2B_NONCE)
      .field('cpHashA', TPM2B_DIGEST)
      .field('policyRef', TPM2B_NONCE)
      .field('expiration', i32),
    response: struct('PolicySecret response').field('timeout', TPM2B_TIMEOUT).field('policyTicket', TPMT_TK_AUTH),
  }),
  Create: command(0x153, {
    handles: ['parentHandle'],
    authorized: 1,
    request: struct('Create')
      .field('inSensitive', TPM2B_SENSITIVE_CREATE)
      .field('inPublic', TPM2B_PUBLIC)
      .field('outsideInfo', TPM2B_DATA)
      .field('creationPCR', TPML_PCR_SELECTION),
    response: struct('Create response')
      .field('outPrivate', TPM2B_PRIVATE)
      .field('outPublic', TPM2B_PUBLIC)
      .field('creationData', TPM2B_CREATION_DATA)
      .field('creationHash', TPM2B_DIGEST)
      .field('creationTicket', TPMT_TK_CREATION),
  }),
  ECDH_ZGen: command(0x154, {
    handles: ['keyHandle'],
    authorized: 1,
    request: struct('ECDH_ZGen').field('inPoint', TPM2B_ECC_POINT),
    response: struct('ECDH_ZGen response').field('outPoint', TPM2B_ECC_POINT),
  }),
  Load: command(0x157, {
    handles: ['parentHandle'],
    authorized: 1,
    request: struct('Load').field('inPrivate', TPM2B_PRIVATE).field('inPublic', TPM2B_PUBLIC),
    returnsHandle: true,
    response: struct('Load response').field('name', TPM2B_NAME),
  }),
  Quote: command(0x158, {
    handles: ['signHandle'],
    authorized: 1,
    request: struct('Quote')
      .field('qualifyingData', TPM2B_DATA)
      .field('inScheme', TPMT_SIG_SCHEME)
      .field('PCRselect', TPML_PCR_SELECTION),
    response: ATTESTED,
  }),
  Unseal: command(0x15e, {
    handles: ['itemHandle'],
    authorized: 1,
    response: struct('Unseal response').field('outData', TPM2B_SENSITIVE_DATA),
  }),
  FlushContext: command(0x165, { request: struct('FlushContext').field('flushHandle', u32) }),
  LoadExternal: command(0x167, {
    request: struct('LoadExternal')
      .field('inPrivate', emptyOr(u16, 0, EMPTY))
      .field('inPublic', TPM2B_PUBLIC)
      .field('hierarchy', u32),
    returnsHandle: true,
    response: struct('LoadExternal response').field('name', TPM2B_NAME),
  }),
  NV_ReadPublic: command(0x169, {
    handles: ['nvIndex'],
    response: struct('NV_ReadPublic response').field('nvPublic', TPM2B_NV_PUBLIC).field('nvName', TPM2B_NAME),
  }),
  PolicyAuthorize: command(0x16a, {
    handles: ['policySession'],
    request: struct('PolicyAuthorize')
      .field('approvedPolicy', TPM2B_DIGEST)
      .field('policyRef', TPM2B_NONCE)
      .field('keySign', TPM2B_NAME)
      .field('checkTicket', TPMT_TK_VERIFIED),
  }),
  PolicyAuthValue: command(0x16b, { handles: ['policySession'] }),
  PolicyCommandCode: command(0x16c, {
    handles: ['policySession'],
    request: struct('PolicyCommandCode').field('code', u32),
  }),
  PolicyOR: command(0x171, {
    handles: ['policySession'],
    request: struct('PolicyOR').field('pHashList', TPML_DIGEST),
  }),
  ReadPublic: command(0x173, {
    handles: ['objectHandle'],
    response: struct('ReadPublic response')
      .field('outPublic', TPM2B_PUBLIC)
      .field('name', TPM2B_NAME)
      .field('qualifiedName', TPM2B_NAME),
  }),
  StartAuthSession: command(0x176, {
    handles: ['tpmKey', 'bind'],
    request: struct('StartAuthSession')
      .field('nonceCaller', TPM2B_NONCE)
      .field('encryptedSalt', TPM2B_ENCRYPTED_SECRET)
      .field('sessionType', TPM_SE)
      .field('symmetric', TPMT_SYM_DEF)
      .field('authHash', TPMI_ALG_HASH),
    returnsHandle: true,
    response: struct('StartAuthSession response').field('nonceTPM', TPM2B_NONCE),
  }),
  VerifySignature: command(0x177, {
    handles: ['keyHandle'],
    request: struct('VerifySignature').field('digest', TPM2B_DIGEST).field('signature', TPMT_SIGNATURE),
    response: struct('VerifySignature response').field('validation', TPMT_TK_VERIFIED),
  }),
  GetCapability: command(0x17a, {
    request: struct('GetCapability').field('capability', TPM_CAP).field('property', u32).field('propertyCount', u32),
    response: struct('GetCapability response')
      .field('moreData', TPMI_YES_NO)
      .field('capabilityData', TPMS_CAPABILITY_DATA),
  }),
  GetRandom: command(0x17b, {
    request: struct('GetRandom').field('bytesRequested', u16),
    response: struct('GetRandom response').field('randomBytes', TPM2B_DIGEST),
  }),
  PCR_Read: command(0x17e, {
    request: struct('PCR_Read').field('pcrSelectionIn', TPML_PCR_SELECTION),
    response: struct('PCR_Read response')
      .field('pcrUpdateCounter', u32)
      .field('pcrSelectionOut', TPML_PCR_SELECTION)
      .field('pcrValues', TPML_DIGEST),
  }),
  PolicyPCR: command(0x17f, {
    handles: ['policySession'],
    request: struct('PolicyPCR').field('pcrDigest', TPM2B_DIGEST).field('pcrs', TPML_PCR_SELECTION),
  }),
  PolicyRestart: command(0x180, { handles: ['sessionHandle'] }),
  PCR_Extend: command(0x182, {
    handles: ['pcrHandle'],
    authorized: 1,
    request: struct('PCR_Extend').field('digests', TPML_DIGEST_VALUES),
  }),
  PolicyGetDigest: command(0x189, {
    handles: ['policySession'],
    response: struct('PolicyGetDigest response').field('policyDigest', TPM2B_DIGEST),
  }),
} as const;

export type Commands = typeof COMMANDS;
export type CommandName = keyof Commands;
export type RequestOf<Name extends CommandName> = Infer<Commands[Name]['request']>;
export type ResponseOf<Name extends CommandName> = Infer<Commands[Name]['response']>;
export type HandlesOf<Name extends CommandName> = Commands[Name]['handles'][number];

const NAME_OF = new Map(Object.entries(COMMANDS).map(([name, { code }]) => [code, name as CommandName]));

/** Undefined for a command that is not in the table. */
export function commandName(code: number): CommandName | undefined {
  return NAME_OF.get(code);
}
