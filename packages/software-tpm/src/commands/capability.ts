import { utf8 } from '@sekimori/bytes';
import type { Infer } from '@sekimori/codec';
import { ok } from '@sekimori/result';
import {
  type Command,
  type CommandName,
  COMMANDS,
  handleType,
  type ResponseOf,
  TPM_ALG,
  TPM_PT,
  TPM_RH,
  TPMA_ALGORITHM,
  TPMA_PERMANENT,
  type TpmAlgorithm,
  TPMI_ECC_CURVE,
  type TpmProperty,
} from '@sekimori/tpm2';
import { handler } from '../handler.ts';
import { FIRMWARE_VERSION, INPUT_BUFFER, type Machine, MANUFACTURER, MAX_NV_BUFFER } from '../machine.ts';
import { isExtendable, isResettable, isUncounted, PCR_COUNT } from '../pcrs.ts';
import { inParameter, RC } from '../response-codes.ts';
import type { Session } from '../sessions.ts';

type Kind = ResponseOf<'GetCapability'>['capabilityData']['capability'];
type CapabilityData<K extends Kind = Kind> = Extract<
  ResponseOf<'GetCapability'>['capabilityData'],
  { readonly capability: K }
>;
/** Of the items numbered `from` and up, the first `count`; and whether there are more. */
interface Part {
  readonly capabilityData: CapabilityData;
  readonly moreData: boolean;
}

export const capability = {
  /** Part 3, 30.2. */
  GetCapability: handler<'GetCapability'>()({
    run: (machine, _handles, { capability: kind, property, propertyCount }) => {
      if (kind === 'authPolicies' && handleType(property) !== 'permanent') return inParameter(2, RC.value);
      return ok({ response: LISTS[kind](machine, property, Math.min(propertyCount, MAX_ITEMS[kind])) });
    },
  }),
};

function part<T>(
  all: readonly T[],
  numberOf: (item: T) => number,
  from: number,
  count: number,
  data: (taken: readonly T[]) => CapabilityData,
): Part {
  const left = all.filter((item) => numberOf(item) >= from);
  return { moreData: left.length > count, capabilityData: data(left.slice(0, count)) };
}

const lowPart = (handle: number) => handle & 0xffffff;
const none = (capabilityData: CapabilityData) => (): Part => ({ moreData: false, capabilityData });

const LISTS: { readonly [K in Kind]: (machine: Machine, from: number, count: number) => Part } = {
  algorithms: (_machine, from, count) =>
    part(
      ALGORITHMS,
      ({ alg }) => TPM_ALG[alg],
      from,
      count,
      (algorithms) => ({ capability: 'algorithms', algorithms }),
    ),
  handles: (machine, from, count) =>
    part(handlesLike(machine, from), lowPart, lowPart(from), count, (handles) => ({ capability: 'handles', handles })),
  commands: (_machine, from, count) =>
    part(
      COMMAND_ATTRIBUTES,
      ({ code }) => code,
      from,
      count,
      (commandAttributes) => ({ capability: 'commands', commandAttributes }),
    ),
  tpmProperties: (machine, from, count) =>
    part(
      propertiesOf(machine),
      ({ property }) => property,
      from,
      count,
      (properties) => ({ capability: 'tpmProperties', properties }),
    ),
  pcrProperties: (_machine, from, count) =>
    part(
      PCR_PROPERTIES,
      ({ tag }) => tag,
      from,
      count,
      (pcrProperties) => ({ capability: 'pcrProperties', pcrProperties }),
    ),
  eccCurves: (_machine, from, count) =>
    part(
      CURVES,
      (curve) => TPMI_ECC_CURVE.numbers[curve],
      from,
      count,
      (eccCurves) => ({ capability: 'eccCurves', eccCurves }),
    ),
  pcrs: (machine) => {
    const banks = machine.pcrs.banks.map((bank) => ({ bank, indices: ALL_PCRS }));
    return { moreData: false, capabilityData: { capability: 'pcrs', banks } };
  },
  authPolicies: (_machine, from, count) =>
    part(
      NO_POLICIES,
      ({ handle }) => handle,
      from,
      count,
      (policies) => ({ capability: 'authPolicies', policies }),
    ),
  // nobody has to be present, nothing is audited, nothing is counted down
  ppCommands: none({ capability: 'ppCommands', commands: [] }),
  auditCommands: none({ capability: 'auditCommands', commands: [] }),
  act: none({ capability: 'act', actData: [] }),
};

/** What fits MAX_CAP_BUFFER of 1024 bytes. Part 2, 6.12 and A.2. */
const MAX_ITEMS: Readonly<Record<Kind, number>> = {
  algorithms: 169,
  handles: 254,
  commands: 254,
  ppCommands: 254,
  auditCommands: 254,
  pcrs: 16,
  tpmProperties: 127,
  pcrProperties: 127,
  eccCurves: 508,
  authPolicies: 29,
  act: 84,
};

const ALL_PCRS = Array.from({ length: PCR_COUNT }, (_, index) => index);
const byNumber = (a: number, b: number) => a - b;

/** Of the type that `like` has, ascending. */
function handlesLike(machine: Machine, like: number): readonly number[] {
  const handlesOf = (sessions: readonly Session[]) => sessions.map(({ handle }) => handle).toSorted(byNumber);
  switch (handleType(like)) {
    case 'pcr':
      return ALL_PCRS;
    case 'nv':
      return [...machine.nvIndices.keys()].toSorted(byNumber);
    // in this one place the two types tell loaded sessions from saved ones. Part 2, 7.2
    case 'hmac-session':
      return handlesOf(machine.sessions.list('loaded'));
    case 'policy-session':
      return handlesOf(machine.sessions.list('saved')).map((handle) => 0x02000000 + lowPart(handle));
    case 'permanent':
      return Object.values(TPM_RH).toSorted(byNumber);
    case 'transient':
      return machine.transients.handles();
    case 'persistent':
      return [...machine.persistents.keys()].toSorted(byNumber);
    default:
      return [];
  }
}

const algorithm = (alg: TpmAlgorithm, ...flags: (keyof Infer<typeof TPMA_ALGORITHM>)[]) => ({
  alg,
  algProperties: TPMA_ALGORITHM.of(...flags),
});
/** By number. Part 2, 8.2. */
const ALGORITHMS = [
  algorithm('rsa', 'asymmetric', 'object'),
  algorithm('sha1', 'hash'),
  algorithm('hmac', 'hash', 'signing'),
  algorithm('aes', 'symmetric'),
  algorithm('mgf1', 'hash', 'method'),
  algorithm('keyedhash', 'hash', 'object', 'signing', 'encrypting'),
  algorithm('xor', 'hash', 'symmetric'),
  algorithm('sha256', 'hash'),
  algorithm('sha384', 'hash'),
  algorithm('sha512', 'hash'),
  algorithm('rsassa', 'asymmetric', 'signing'),
  algorithm('rsaes', 'asymmetric', 'encrypting'),
  algorithm('rsapss', 'asymmetric', 'signing'),
  algorithm('oaep', 'asymmetric', 'encrypting'),
  algorithm('ecdsa', 'asymmetric', 'signing'),
  algorithm('ecdh', 'asymmetric', 'method'),
  algorithm('kdf1_sp800_56a', 'hash', 'method'),
  algorithm('kdf1_sp800_108', 'hash', 'method'),
  algorithm('ecc', 'asymmetric', 'object'),
  algorithm('cfb', 'symmetric', 'encrypting'),
];

/** TPM2_SetPrimaryPolicy is not there. */
const NO_POLICIES = [TPM_RH.owner, TPM_RH.lockout, TPM_RH.endorsement, TPM_RH.platform].map((handle) => ({
  handle,
  policyHash: { hashAlg: 'null', digest: new Uint8Array(0) } as const,
}));

const CURVES = ['P-256', 'P-384', 'P-521'] as const;

/** Commands that may write to NV. Part 2, 8.9. */
const WRITES: ReadonlySet<CommandName> = new Set([
  'Startup',
  'Shutdown',
  'SelfTest',
  'StirRandom',
  'PCR_Extend',
  'PCR_Event',
  'PCR_Reset',
  'HierarchyChangeAuth',
  'Clear',
  'DictionaryAttackLockReset',
  'EvictControl',
  'NV_DefineSpace',
  'NV_UndefineSpace',
  'NV_Write',
  'NV_Increment',
  'NV_WriteLock',
]);
const COMMAND_ATTRIBUTES = (Object.entries(COMMANDS) as [CommandName, Command][])
  .map(([name, { code, handles, returnsHandle }]) => ({
    code,
    nv: WRITES.has(name),
    extensive: name === 'Clear',
    flushed: false,
    handles: handles.length,
    returnsHandle,
  }))
  .toSorted((a, b) => a.code - b.code);

/** TPM_PT_PCR, as far as all commands come from locality 0. Part 2, 6.14. */
const PCR_PROPERTIES = [
  { tag: 0x00, pcrs: ALL_PCRS.filter((index) => index < 16) }, // SAVE
  { tag: 0x01, pcrs: ALL_PCRS.filter(isExtendable) }, // EXTEND_L0
  { tag: 0x02, pcrs: ALL_PCRS.filter(isResettable) }, // RESET_L0
  { tag: 0x11, pcrs: ALL_PCRS.filter(isUncounted) }, // NO_INCREMENT
];

/** TPMA_PERMANENT: whose authorization is set. Part 2, 8.6. */
function permanentAttributes(machine: Machine): number {
  const isSet = (name: 'owner' | 'endorsement' | 'lockout') => machine.hierarchy(name).auth.length > 0;
  return TPMA_PERMANENT.numberOf({
    ...TPMA_PERMANENT.of(),
    ownerAuthSet: isSet('owner'),
    endorsementAuthSet: isSet('endorsement'),
    lockoutAuthSet: isSet('lockout'),
  });
}

/** TPM_PT, ascending. Part 2, 6.13. */
function propertiesOf(machine: Machine) {
  const text = (four: string) => utf8(four).reduce((value, byte) => value * 256 + byte, 0);
  const { sessions, transients } = machine;
  const loaded = sessions.list('loaded').length;
  const active = loaded + sessions.list('saved').length;
  const counters = [...machine.nvIndices.values()].filter((each) => each.known?.public.attributes.kind === 'counter');
  const values: Partial<Record<TpmProperty, number>> = {
    familyIndicator: text('2.0\0'),
    level: 0,
    revision: 159, // of the specification, times 100
    dayOfYear: 312,
    year: 2019,
    manufacturer: MANUFACTURER,
    vendorString1: text('Seki'),
    vendorString2: text('mori'),
    vendorString3: text(' sof'),
    vendorString4: text('tTPM'),
    vendorTpmType: 1,
    firmwareVersion1: Number(FIRMWARE_VERSION >> 32n),
    firmwareVersion2: Number(FIRMWARE_VERSION & 0xffffffffn),
    inputBuffer: INPUT_BUFFER,
    transientMin: transients.count,
    loadedMin: sessions.loadedMax,
    activeSessionsMax: sessions.activeMax,
    pcrCount: PCR_COUNT,
    pcrSelectMin: PCR_COUNT / 8,
    contextGapMax: 0xffffffff, // the gap is never looked at
    nvIndexMax: MAX_NV_BUFFER,
    maxCommandSize: 4096,
    maxResponseSize: 4096,
    maxDigest: 64,
    totalCommands: COMMAND_ATTRIBUTES.length,
    nvBufferMax: MAX_NV_BUFFER,
    maxCapBuffer: 1024,
    permanent: permanentAttributes(machine),
    startupClear: 0xf, // all hierarchies are enabled
    nvIndices: machine.nvIndices.size,
    loaded,
    loadedAvailable: sessions.loadedMax - loaded,
    active,
    activeAvailable: sessions.activeMax - active,
    transientAvailable: transients.free,
    persistent: machine.persistents.size,
    nvCounters: counters.length,
    // no dictionary attack is ever counted
    lockoutCounter: 0,
  };
  return (Object.entries(values) as [TpmProperty, number][]).map(([name, value]) => ({
    property: TPM_PT.numbers[name],
    value,
  }));
}
