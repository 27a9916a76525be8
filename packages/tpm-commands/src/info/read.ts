import { fromUtf8, toHex, u32be } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import { isSoftwareTpmVendor, tpmVendorName } from '@sekimori/pki';
import { describeFault, ok, type Result } from '@sekimori/result';
import {
  type CommandName,
  COMMANDS,
  type Tpm,
  TPM_PT,
  type TpmProperty,
  type TpmResult,
  TPMA_PERMANENT,
  TPMA_STARTUP_CLEAR,
} from '@sekimori/tpm2';
import { setNames } from '../text.ts';
import {
  algorithmsOf,
  commandCodesOf,
  curvesOf,
  nvIndexHandles,
  type PcrBank,
  pcrBanksOf,
  persistentHandles,
  propertiesOf,
} from './capabilities.ts';
import { describeNvIndex, describePersistent, type NvIndex, type PersistentObject } from './objects.ts';

/** What a TPM tells of itself; the document of `tpm info --json`. What it does not tell is absent. */
export interface TpmInfo {
  readonly manufacturer: {
    /** Four bytes of the TCG vendor id registry in hex. */
    readonly id: string;
    readonly name?: string;
    /** Whether it calls itself a software TPM or that of a virtual machine. */
    readonly software: boolean;
  };
  readonly vendorString?: string;
  /** As `sekimori-host identity` shows it. */
  readonly firmware: string;
  readonly specification: {
    readonly family: string;
    readonly level: number;
    /** '1.59'. */
    readonly revision: string;
    /** Of the specification, 'YYYY-MM-DD'. */
    readonly date?: string;
  };
  readonly pcrBanks: readonly (PcrBank & { readonly enabled: boolean })[];
  readonly algorithms: readonly (string | number)[];
  readonly curves: readonly (string | number)[];
  /** Commands that a guarded host needs and this TPM has not. */
  readonly missingCommands: readonly CommandName[];
  /** By TPM_PT: sizes in bytes, numbers of slots. */
  readonly limits: Readonly<Partial<Record<TpmProperty, number>>>;
  /** TPMA_PERMANENT and TPMA_STARTUP_CLEAR: the bits that are set. */
  readonly permanent: readonly string[];
  readonly startupClear: readonly string[];
  readonly lockout: {
    readonly inLockout: boolean;
    readonly counter: number;
    readonly maxAuthFail: number;
    /** Seconds until one failure is forgiven. */
    readonly interval: number;
    /** Seconds after a failure of the lockout authorization until it may be used again. */
    readonly recovery: number;
  };
  readonly clock?: {
    /** Milliseconds with power since the TPM was made or cleared. */
    readonly clock: string;
    /** Milliseconds since the last start. */
    readonly time: string;
    /** Whether no earlier value was told with this or a later time. */
    readonly safe: boolean;
    readonly resetCount: number;
    readonly restartCount: number;
  };
  readonly persistentObjects: readonly PersistentObject[];
  readonly nvIndices: readonly NvIndex[];
  /** What could not be asked for, and why. */
  readonly unread: readonly string[];
}

/** What a guarded host sends to its TPM to be enrolled, to attest and to open released keys. */
const NEEDED = [
  'GetCapability',
  'GetRandom',
  'PCR_Read',
  'NV_ReadPublic',
  'NV_Read',
  'CreatePrimary',
  'ReadPublic',
  'FlushContext',
  'StartAuthSession',
  'PolicySecret',
  'PolicyOR',
  'PolicyPCR',
  'ActivateCredential',
  'Quote',
  'Certify',
  'ECDH_ZGen',
] as const satisfies readonly CommandName[];

const LIMITS = [
  'pcrCount',
  'inputBuffer',
  'maxCommandSize',
  'maxResponseSize',
  'maxDigest',
  'nvIndexMax',
  'nvBufferMax',
  'nvCountersMax',
  'transientMin',
  'transientAvailable',
  'persistentMin',
  'persistent',
  'persistentAvailable',
  'loadedMin',
  'loaded',
  'loadedAvailable',
  'activeSessionsMax',
  'active',
  'activeAvailable',
  'contextGapMax',
] as const satisfies readonly TpmProperty[];

const FIRST_PROPERTY = TPM_PT.numbers.familyIndicator;
const FIRST_CHANGING_PROPERTY = TPM_PT.numbers.permanent;

/** Asks, and changes nothing. Faults only where the TPM does not tell its properties; `unread` has the rest. */
export async function readTpmInfo(tpm: Tpm): Promise<TpmResult<TpmInfo>> {
  const fixed = await propertiesOf(tpm, FIRST_PROPERTY);
  if (!fixed.ok) return fixed;
  const changing = await propertiesOf(tpm, FIRST_CHANGING_PROPERTY);
  if (!changing.ok) return changing;
  const properties = new Map([...fixed.value, ...changing.value]);
  const value = (property: TpmProperty): number => properties.get(TPM_PT.numbers[property]) ?? 0;

  const unread: string[] = [];
  const orNothing = <T>(what: string, read: Result<T>, nothing: T): T => {
    if (read.ok) return read.value;
    unread.push(`${what}: ${describeFault(read.fault)}`);
    return nothing;
  };
  const banks = orNothing('PCR banks', await pcrBanksOf(tpm), []);
  const algorithms = orNothing('algorithms', await algorithmsOf(tpm), []);
  const curves = orNothing('curves', await curvesOf(tpm), []);
  const commands = orNothing<readonly number[] | undefined>('commands', await commandCodesOf(tpm), undefined);
  const persistent = orNothing('persistent handles', await persistentHandles(tpm), []);
  const indices = orNothing('NV indices', await nvIndexHandles(tpm), []);
  const clock = orNothing('clock', await clockOf(tpm), undefined);
  const permanent = decode(TPMA_PERMANENT, u32be(value('permanent')));
  const startupClear = decode(TPMA_STARTUP_CLEAR, u32be(value('startupClear')));

  const persistentObjects: PersistentObject[] = [];
  for (const handle of persistent) persistentObjects.push(await describePersistent(tpm, handle));
  const nvIndices: NvIndex[] = [];
  for (const index of indices) nvIndices.push(await describeNvIndex(tpm, index));
  const vendorString = textOf(...VENDOR_STRINGS.map(value));
  return ok({
    manufacturer: manufacturerOf(value('manufacturer')),
    ...(vendorString === '' ? {} : { vendorString }),
    firmware: [...halves(value('firmwareVersion1')), ...halves(value('firmwareVersion2'))].join('.'),
    specification: specificationOf(value),
    pcrBanks: banks.map((bank) => ({ ...bank, enabled: bank.pcrs.length > 0 })),
    algorithms,
    curves,
    missingCommands: commands ? NEEDED.filter((name) => !commands.includes(COMMANDS[name].code)) : [],
    limits: Object.fromEntries(
      LIMITS.flatMap((name) => {
        const limit = properties.get(TPM_PT.numbers[name]);
        return limit === undefined ? [] : [[name, limit]];
      }),
    ),
    permanent: setNames(orNothing('TPMA_PERMANENT', permanent, {} as never)),
    startupClear: setNames(orNothing('TPMA_STARTUP_CLEAR', startupClear, {} as never)),
    lockout: {
      inLockout: permanent.ok && permanent.value.inLockout,
      counter: value('lockoutCounter'),
      maxAuthFail: value('maxAuthFail'),
      interval: value('lockoutInterval'),
      recovery: value('lockoutRecovery'),
    },
    ...(clock && { clock }),
    persistentObjects,
    nvIndices,
    unread,
  });
}

const VENDOR_STRINGS = ['vendorString1', 'vendorString2', 'vendorString3', 'vendorString4'] as const;

function manufacturerOf(number: number): TpmInfo['manufacturer'] {
  const id = toHex(u32be(number));
  const name = tpmVendorName(id);
  return { id, ...(name === undefined ? {} : { name }), software: isSoftwareTpmVendor(id) };
}

function specificationOf(value: (property: TpmProperty) => number): TpmInfo['specification'] {
  const [year, day, revision] = [value('year'), value('dayOfYear'), value('revision')];
  const date = year > 0 && day > 0 ? new Date(Date.UTC(year, 0, day)).toISOString().slice(0, 10) : undefined;
  return {
    family: textOf(value('familyIndicator')),
    level: value('level'),
    revision: `${Math.floor(revision / 100)}.${String(revision % 100).padStart(2, '0')}`,
    ...(date === undefined ? {} : { date }),
  };
}

async function clockOf(tpm: Tpm): Promise<TpmResult<TpmInfo['clock']>> {
  const read = await tpm.run('ReadClock', { parameters: {} });
  if (!read.ok) return read;
  const { time, clockInfo } = read.value.parameters.currentTime;
  const { clock, safe, resetCount, restartCount } = clockInfo;
  return ok({ clock: String(clock), time: String(time), safe, resetCount, restartCount });
}

function halves(value: number): readonly number[] {
  return [value >>> 16, value & 0xffff];
}

/** Characters in numbers of four bytes, up to the first NUL. */
function textOf(...values: readonly number[]): string {
  const text = fromUtf8(Uint8Array.from(values.flatMap((value) => [...u32be(value)]))) ?? '';
  return text.split('\0').join('').trimEnd();
}
