import { hex } from './bytes.ts';

// Good bytes of every structure and every command, in hex as specifications print it: a test says which are missing.
// A union has one sample for each of its cases.

const DIGEST = '11'.repeat(32);
const NAME = `0022000b${DIGEST}`;
const CLOCK = '0000000000000352 00000003 00000000 01';
const PCRS = '00000001 000b 03 810001';
const ATTEST = (type: string, attested: string) =>
  `ff544347 ${type} ${NAME} 0004 6e6f6e63 ${CLOCK} 2019102300163636 ${attested}`;
const QUOTE = ATTEST('8018', `${PCRS} 0020 ${DIGEST}`);
const POINT = '0002 0102 0003 030405';
const NV_PUBLIC = '01c00002 000b 62072001 0000 0400';
const CREATION_DATA = `${PCRS} 0020 ${DIGEST} 01 000b ${NAME} ${NAME} 0002 abcd`;
const ID_OBJECT = `0020 ${DIGEST} 22334455`;
const SENSITIVE_CREATE = '0002 0102 0003 030405';
const RSA_SIGNATURE = '0014 000b 0004 01020304';
const EC_SIGNATURE = `0018 000b 0020 ${DIGEST} 0020 ${'22'.repeat(32)}`;
const CONTEXT = '0000000000000007 80000001 40000001 0004 01020304';
const ticket = (tag: string) => `${tag} 40000001 0020 ${DIGEST}`;

/** Objects of each type, and signatures with each scheme their parameters name. */
const PUBLIC = {
  rsa: '0001 000b 00050072 0000 0010 0014 000b 0800 00010001 0004 f1020304',
  rsaParent: `0001 000b 000300b2 0020 ${DIGEST} 0006 0080 0043 0010 0800 00000000 0000`,
  ecc: `0023 000b 00050472 0000 0010 0018 000b 0003 0010 ${POINT}`,
  eccWithKdf: `0023 000c 00020032 0000 0006 0100 0043 0019 000b 0004 0020 000b ${POINT}`,
  hmac: '0008 000b 00040012 0000 0005 000b 0004 01020304',
  xor: '0008 000b 00020012 0000 000a 000b 0020 0000',
  symcipher: '0025 000b 00020012 0000 0006 0080 0043 0002 0102',
};
const SENSITIVE = {
  rsa: '0001 0002 0102 0000 0004 01020304',
  ecc: '0023 0000 0000 0002 0102',
  keyedhash: '0008 0000 0002 0102 0003 010203',
  symcipher: '0025 0000 0000 0010 000102030405060708090a0b0c0d0e0f',
};

/** With the length before it, as TPM2B has it. */
function sized(text: string): string {
  return `${(text.replaceAll(/\s/g, '').length / 2).toString(16).padStart(4, '0')} ${text}`;
}

const BUFFER = ['0000', '0004 01020304'];
const SIGNATURE_SCHEMES = ['0010', '0014 000b', '0016 000c', '0018 000b', '001a 000b 0001', '001b 000b', '001c 000b'];
const CIPHERS = ['0010', '0006 0080 0043', '0013 0080 0043', '0026 0100 0042', '0003 00a8 0043'];

/** The list that each capability gives. */
const CAPABILITIES = {
  TPML_ALG_PROPERTY: '00000001 000b 00000004',
  TPML_HANDLE: '00000002 81000001 81010001',
  TPML_CCA: '00000001 12400131',
  TPML_CC: '00000001 00000131',
  audited: '00000001 00000131',
  TPML_PCR_BANKS: '00000001 000b 03 ffffff',
  TPML_TAGGED_TPM_PROPERTY: '00000001 00000105 49424d00',
  TPML_TAGGED_PCR_PROPERTY: '00000001 00000011 03 010000',
  TPML_ECC_CURVE: '00000001 0003',
  TPML_TAGGED_POLICY: `00000002 4000000b 000b ${DIGEST} 40000001 0010`,
  TPML_ACT_DATA: '00000001 40000110 00000000 00000000',
};
const CAPABILITY_NUMBERS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((number) => number.toString(16).padStart(8, '0'));

const STRUCTURES: Readonly<Record<string, readonly string[]>> = {
  ANY_CURVE: ['0003', '0020'],
  ANY_HASH: ['000b', '0027'],
  ANY_TPM2B_PUBLIC: Object.values(PUBLIC).map(sized),
  ANY_TPMT_PUBLIC: [...Object.values(PUBLIC), `0023 0012 00050072 0000 0010 001b 0012 0020 0010 ${POINT}`],
  TPM2B_ATTEST: [sized(QUOTE)],
  TPM2B_AUTH: BUFFER,
  TPM2B_CONTEXT_DATA: BUFFER,
  TPM2B_CREATION_DATA: [sized(CREATION_DATA)],
  TPM2B_DATA: BUFFER,
  TPM2B_DIGEST: BUFFER,
  TPM2B_ECC_PARAMETER: BUFFER,
  TPM2B_ECC_POINT: [sized(POINT)],
  TPM2B_ENCRYPTED_SECRET: BUFFER,
  TPM2B_EVENT: BUFFER,
  TPM2B_ID_OBJECT: [sized(ID_OBJECT)],
  TPM2B_MAX_BUFFER: BUFFER,
  TPM2B_MAX_NV_BUFFER: BUFFER,
  TPM2B_NAME: BUFFER,
  TPM2B_NONCE: BUFFER,
  TPM2B_NV_PUBLIC: [sized(NV_PUBLIC)],
  TPM2B_OPERAND: BUFFER,
  TPM2B_PRIVATE: BUFFER,
  TPM2B_PRIVATE_KEY_RSA: BUFFER,
  TPM2B_PUBLIC: Object.values(PUBLIC).map(sized),
  TPM2B_PUBLIC_KEY_RSA: BUFFER,
  TPM2B_SENSITIVE: Object.values(SENSITIVE).map(sized),
  TPM2B_SENSITIVE_CREATE: [sized(SENSITIVE_CREATE)],
  TPM2B_SENSITIVE_DATA: BUFFER,
  TPM2B_SYM_KEY: BUFFER,
  TPM2B_TIMEOUT: ['0000', '0008 0102030405060708'],
  TPMA_ALGORITHM: ['00000104'],
  TPMA_CC: ['12400131'],
  TPMA_LOCALITY: ['01', '20'],
  TPMA_NV: ['62072001', '62040014'],
  TPMA_OBJECT: ['00050072'],
  TPMA_PERMANENT: ['00000407'],
  TPMA_SESSION: ['81'],
  TPMA_STARTUP_CLEAR: ['8000000f'],
  TPMI_ALG_HASH: ['000b'],
  TPMI_ALG_PUBLIC: ['0023'],
  TPMI_ECC_CURVE: ['0003'],
  TPMI_ST_ATTEST: ['8018'],
  TPMI_YES_NO: ['00', '01'],
  TPML_DIGEST: ['00000000', '00000002 0000 0004 01020304'],
  TPML_DIGEST_VALUES: [`00000002 0004 ${'44'.repeat(20)} 000b ${DIGEST}`],
  TPML_PCR_BANKS: ['00000002 000b 03 ffffff 0012 03 000000'],
  TPML_PCR_SELECTION: ['00000000', PCRS, '00000002 0004 03 010000 000b 04 00000001'],
  TPMS_ATTEST: [
    QUOTE,
    ATTEST('8017', NAME + NAME),
    ATTEST('801a', `${NAME} 0000`),
    ATTEST('8019', `0000000000000400 ${CLOCK} 0000000000000001`),
    ATTEST('8014', `${NAME} 0000 0002 aabb`),
    ATTEST('801c', `${NAME} 0000`),
    ATTEST('8015', '0000000000000001 000b 0000 0000'),
    ATTEST('8016', '01 0000'),
  ],
  TPMS_AUTH_COMMAND: ['02000000 0002 0102 01 0001 03'],
  TPMS_AUTH_RESPONSE: ['0002 0102 01 0001 03'],
  TPML_ACT_DATA: [CAPABILITIES.TPML_ACT_DATA],
  TPML_ALG_PROPERTY: [CAPABILITIES.TPML_ALG_PROPERTY],
  TPML_CC: [CAPABILITIES.TPML_CC],
  TPML_CCA: [CAPABILITIES.TPML_CCA],
  TPML_ECC_CURVE: [CAPABILITIES.TPML_ECC_CURVE],
  TPML_HANDLE: [CAPABILITIES.TPML_HANDLE],
  TPML_TAGGED_PCR_PROPERTY: [CAPABILITIES.TPML_TAGGED_PCR_PROPERTY],
  TPML_TAGGED_POLICY: [CAPABILITIES.TPML_TAGGED_POLICY],
  TPML_TAGGED_TPM_PROPERTY: [CAPABILITIES.TPML_TAGGED_TPM_PROPERTY],
  TPMS_CAPABILITY_DATA: Object.values(CAPABILITIES).map((list, at) => `${CAPABILITY_NUMBERS[at]} ${list}`),
  TPMS_CERTIFY_INFO: [NAME + NAME],
  TPMS_CLOCK_INFO: [CLOCK],
  TPMS_CONTEXT: [CONTEXT],
  TPMS_CREATION_DATA: [CREATION_DATA],
  TPMS_ECC_PARMS: ['0010 0018 000b 0003 0010', '0006 0100 0043 0010 0004 0020 000b'],
  TPMS_ECC_POINT: [POINT],
  TPMS_ID_OBJECT: [ID_OBJECT],
  TPMS_KEYEDHASH_PARMS: ['0010', '0005 000b', '000a 000b 0020'],
  TPMS_NV_PUBLIC: [NV_PUBLIC],
  TPMS_PCR_SELECT: ['03 810001', '04 00000001'],
  TPMS_PCR_SELECTION: ['000b 03 810001', '0004 04 00000001'],
  TPMS_QUOTE_INFO: [`${PCRS} 0020 ${DIGEST}`],
  TPMS_RSA_PARMS: ['0010 0014 000b 0800 00010001', '0006 0080 0043 0010 0800 00000000'],
  TPMS_SYMCIPHER_PARMS: ['0006 0080 0043'],
  TPMS_TIME_INFO: [`0000000000000400 ${CLOCK}`],
  TPMT_ECC_SCHEME: ['0010', '0018 000b', '0019 000b', '001a 000b 0001', '001b 000b', '001c 000b', '001d 000b'],
  TPMT_HA: [`0004 ${'44'.repeat(20)}`, `000b ${DIGEST}`],
  TPMT_KDF_SCHEME: ['0010', '0007 000b', '0020 000b', '0021 000b', '0022 000b'],
  TPMT_KEYEDHASH_SCHEME: ['0010', '0005 000b', '000a 000b 0022'],
  TPMT_PUBLIC: Object.values(PUBLIC),
  TPMT_RSA_DECRYPT: ['0010', '0015', '0017 000b'],
  TPMT_RSA_SCHEME: ['0010', '0014 000b', '0016 000b', '0015', '0017 000b'],
  TPMT_SENSITIVE: Object.values(SENSITIVE),
  TPMT_SIGNATURE: [
    '0010',
    RSA_SIGNATURE,
    RSA_SIGNATURE.replace('0014', '0016'),
    EC_SIGNATURE,
    EC_SIGNATURE.replace('0018', '001a'),
    EC_SIGNATURE.replace('0018', '001b'),
    EC_SIGNATURE.replace('0018', '001c'),
    `0005 000b ${DIGEST}`,
  ],
  TPMT_SIG_SCHEME: [...SIGNATURE_SCHEMES, '0005 000b'],
  TPMT_SYM_DEF: [...CIPHERS, '000a 000b'],
  TPMT_SYM_DEF_OBJECT: CIPHERS,
  TPMT_TK_AUTH: [ticket('8023'), ticket('8025')],
  TPMT_TK_CREATION: [ticket('8021')],
  TPMT_TK_HASHCHECK: [ticket('8024')],
  TPMT_TK_VERIFIED: [ticket('8022')],
  TPM_ALG_ID: ['000b', '1234'],
  TPM_CAP: ['00000006'],
  TPM_ECC_CURVE: ['0003', '0099'],
  TPM_EO: ['000a'],
  TPM_PT: ['00000105', '00001234'],
  TPM_SE: ['01'],
  TPM_SU: ['0001'],
};

const ATTESTED = `${sized(QUOTE)} ${EC_SIGNATURE}`;
const AUTHORIZED = `0008 0102030405060708 ${ticket('8023')}`;
const CREATION = `${sized(SENSITIVE_CREATE)} ${sized(PUBLIC.ecc)} 0002 abcd ${PCRS}`;
const CREATED = `${sized(PUBLIC.ecc)} ${sized(CREATION_DATA)} 0020 ${DIGEST} ${ticket('8021')}`;
const ENCRYPTED = '0004 01020304';

/** Parameters without handles; nothing where there are none. */
const PARAMETERS: Readonly<Record<string, { readonly request?: string; readonly response?: string }>> = {
  ActivateCredential: { request: `${sized(ID_OBJECT)} ${ENCRYPTED}`, response: '0002 0102' },
  Certify: { request: '0002 0102 0010', response: ATTESTED },
  CertifyCreation: { request: `0002 0102 0020 ${DIGEST} 0018 000b ${ticket('8021')}`, response: ATTESTED },
  ContextLoad: { request: CONTEXT },
  ContextSave: { response: CONTEXT },
  Create: { request: CREATION, response: `${ENCRYPTED} ${CREATED}` },
  CreatePrimary: { request: CREATION, response: `${CREATED} ${NAME}` },
  Duplicate: { request: '0000 0006 0080 0043', response: `0002 0102 ${ENCRYPTED} ${ENCRYPTED}` },
  ECDH_ZGen: { request: sized(POINT), response: sized(POINT) },
  EvictControl: { request: '81010001' },
  FlushContext: { request: '80000001' },
  GetCapability: { request: '00000006 00000100 0000007f', response: '00 00000006 00000001 00000105 49424d00' },
  GetRandom: { request: '0020', response: '0002 0102' },
  GetTestResult: { response: '0002 0102 00000000' },
  GetTime: { request: '0002 0102 0018 000b', response: ATTESTED },
  Hash: { request: '0002 0102 000b 40000007', response: `0020 ${DIGEST} ${ticket('8024')}` },
  HierarchyChangeAuth: { request: '0002 0102' },
  Import: {
    request: `0000 ${sized(PUBLIC.ecc)} ${ENCRYPTED} ${ENCRYPTED} 0010`,
    response: ENCRYPTED,
  },
  Load: { request: `${ENCRYPTED} ${sized(PUBLIC.ecc)}`, response: NAME },
  LoadExternal: { request: `${sized(SENSITIVE.ecc)} ${sized(PUBLIC.ecc)} 40000007`, response: NAME },
  MakeCredential: { request: `0002 0102 ${NAME}`, response: `${sized(ID_OBJECT)} ${ENCRYPTED}` },
  NV_Certify: { request: '0002 0102 0010 0040 0000', response: ATTESTED },
  NV_DefineSpace: { request: `0002 0102 ${sized(NV_PUBLIC)}` },
  NV_Read: { request: '0040 0000', response: '0002 0102' },
  NV_ReadPublic: { response: `${sized(NV_PUBLIC)} ${NAME}` },
  NV_Write: { request: '0002 0102 0000' },
  PCR_Event: { request: '0002 0102', response: `00000001 000b ${DIGEST}` },
  PCR_Extend: { request: `00000001 000b ${DIGEST}` },
  PCR_Read: { request: PCRS, response: `00000017 ${PCRS} 00000001 0020 ${DIGEST}` },
  PolicyAuthorize: { request: `0020 ${DIGEST} 0000 ${NAME} ${ticket('8022')}` },
  PolicyCommandCode: { request: '0000015e' },
  PolicyCpHash: { request: `0020 ${DIGEST}` },
  PolicyDuplicationSelect: { request: `0000 ${NAME} 01` },
  PolicyGetDigest: { response: `0020 ${DIGEST}` },
  PolicyLocality: { request: '01' },
  PolicyNV: { request: '0002 0102 0000 000a' },
  PolicyNvWritten: { request: '01' },
  PolicyOR: { request: `00000002 0020 ${DIGEST} 0020 ${DIGEST}` },
  PolicyPCR: { request: `0020 ${DIGEST} ${PCRS}` },
  PolicySecret: { request: '0000 0000 0002 0102 ffffffff', response: AUTHORIZED },
  PolicySigned: { request: `0000 0000 0002 0102 ffffffff ${EC_SIGNATURE}`, response: AUTHORIZED },
  Quote: { request: `0002 0102 0010 ${PCRS}`, response: ATTESTED },
  RSA_Decrypt: { request: `${ENCRYPTED} 0017 000b 0000`, response: '0002 0102' },
  RSA_Encrypt: { request: `0002 0102 0015 0000`, response: ENCRYPTED },
  ReadClock: { response: `0000000000000400 ${CLOCK}` },
  ReadPublic: { response: `${sized(PUBLIC.rsa)} ${NAME} ${NAME}` },
  SelfTest: { request: '01' },
  Shutdown: { request: '0000' },
  Sign: { request: `0020 ${DIGEST} 0018 000b 8024 40000007 0000`, response: EC_SIGNATURE },
  StartAuthSession: { request: '0002 0102 0000 01 0006 0080 0043 000b', response: '0002 0102' },
  Startup: { request: '0000' },
  StirRandom: { request: '0002 0102' },
  Unseal: { response: '0002 0102' },
  VerifySignature: { request: `0020 ${DIGEST} ${EC_SIGNATURE}`, response: ticket('8022') },
};

/** Of an exported codec, by the name of the export. Empty: it lacks one, add it to `STRUCTURES` above. */
export function samplesOf(structure: string): readonly Uint8Array[] {
  return (STRUCTURES[structure] ?? []).map(hex);
}

/** The parameters of a command and its response. Undefined: it lacks them, add them to `PARAMETERS` above. */
export function parametersOf(command: string, part: 'request' | 'response'): Uint8Array | undefined {
  const text = PARAMETERS[command]?.[part];
  return text === undefined ? undefined : hex(text);
}
