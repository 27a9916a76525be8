import { type Codec, type Infer, mapped, type Reader, u8, u32 } from '@sekimori/codec';

type Flags<Bits extends Readonly<Record<string, number>>> = { readonly [K in keyof Bits & string]: boolean };

/** Named bits: each one present as true or false, a bit without a name is a fault (Part 2: reserved bits are zero). */
function flags<const Bits extends Readonly<Record<string, number>>>(name: string, number: Codec<number>, bits: Bits) {
  type Name = keyof Bits & string;
  const entries = Object.entries(bits) as [Name, number][];
  const known = entries.reduce((all, [, bit]) => (all | bit) >>> 0, 0);
  const from = (reader: Reader, value: number, start: number): Flags<Bits> => {
    const unknown = (value & ~known) >>> 0;
    if (unknown !== 0) reader.stop(`reserved bits 0x${unknown.toString(16)} are set`, start);
    const out: Record<string, boolean> = {};
    for (const [key, bit] of entries) out[key] = (value & bit) !== 0;
    return out as Flags<Bits>;
  };
  const numberOf = (value: Flags<Bits>) =>
    entries.reduce((all, [key, bit]) => (value[key] ? (all | bit) >>> 0 : all), 0);
  const of = (...set: readonly Name[]) =>
    Object.fromEntries(entries.map(([key]) => [key, set.includes(key)])) as Flags<Bits>;
  const codec: Codec<Flags<Bits>> = {
    name,
    read: (reader) => {
      const start = reader.offset;
      return from(reader, number.read(reader), start);
    },
    write: (writer, value) => number.write(writer, numberOf(value)),
  };
  return { ...codec, of, from, numberOf };
}

/** TPMA_OBJECT. Part 2, 8.3. `TPMA_OBJECT.of('fixedTPM', 'decrypt')` has these and no other. */
export const TPMA_OBJECT = flags('TPMA_OBJECT', u32, {
  fixedTPM: 0x2,
  stClear: 0x4,
  fixedParent: 0x10,
  sensitiveDataOrigin: 0x20,
  userWithAuth: 0x40,
  adminWithPolicy: 0x80,
  firmwareLimited: 0x100,
  svnLimited: 0x200,
  noDA: 0x400,
  encryptedDuplication: 0x800,
  restricted: 0x10000,
  decrypt: 0x20000,
  sign: 0x40000,
  x509sign: 0x80000,
});

/** TPMA_SESSION. Part 2, 8.4. */
export const TPMA_SESSION = flags('TPMA_SESSION', u8, {
  continueSession: 0x01,
  auditExclusive: 0x02,
  auditReset: 0x04,
  decrypt: 0x20,
  encrypt: 0x40,
  audit: 0x80,
});

/** TPM_NT: what an NV index is. Part 2, 13.2. */
const TPM_NT = { ordinary: 0, counter: 1, bits: 2, extend: 4, pinFail: 8, pinPass: 9 } as const;
export type NvKind = keyof typeof TPM_NT;
const KIND_OF: ReadonlyMap<number, NvKind> = new Map(
  Object.entries(TPM_NT).map(([kind, number]) => [number, kind as NvKind]),
);
const KIND_MASK = 0xf0;

const NV_FLAGS = flags('TPMA_NV', u32, {
  ppWrite: 0x1,
  ownerWrite: 0x2,
  authWrite: 0x4,
  policyWrite: 0x8,
  policyDelete: 0x400,
  writeLocked: 0x800,
  writeAll: 0x1000,
  writeDefine: 0x2000,
  writeStClear: 0x4000,
  globalLock: 0x8000,
  ppRead: 0x10000,
  ownerRead: 0x20000,
  authRead: 0x40000,
  policyRead: 0x80000,
  noDA: 0x2000000,
  orderly: 0x4000000,
  clearStClear: 0x8000000,
  readLocked: 0x10000000,
  written: 0x20000000,
  platformCreate: 0x40000000,
  readStClear: 0x80000000,
});
type NvFlag = keyof Infer<typeof NV_FLAGS>;
/** The attributes of an NV index by name. Part 2, 13.4. */
export type TpmaNv = Infer<typeof NV_FLAGS> & { readonly kind: NvKind };

/** TPMA_NV. Part 2, 13.4. Bits 4 to 7 are a number of their own, `kind`; `TPMA_NV.of(…)` is of an ordinary index. */
export const TPMA_NV: Codec<TpmaNv> & { of(...set: readonly NvFlag[]): TpmaNv } = {
  name: 'TPMA_NV',
  read: (reader) => {
    const start = reader.offset;
    const value = reader.u32();
    const kind = KIND_OF.get((value & KIND_MASK) >>> 4) ?? reader.stop('no known kind of NV index', start);
    return { ...NV_FLAGS.from(reader, (value & ~KIND_MASK) >>> 0, start), kind };
  },
  write: (writer, value) => writer.u32((NV_FLAGS.numberOf(value) | (TPM_NT[value.kind] << 4)) >>> 0),
  of: (...set) => ({ ...NV_FLAGS.of(...set), kind: 'ordinary' }),
};

/** TPMA_LOCALITY of localities 0 to 4; 32 and up stand for themselves in the same byte and are no flags. Part 2, 8.5. */
export const TPMA_LOCALITY = u8;

/** TPMA_ALGORITHM. Part 2, 8.2. */
export const TPMA_ALGORITHM = flags('TPMA_ALGORITHM', u32, {
  asymmetric: 0x1,
  symmetric: 0x2,
  hash: 0x4,
  object: 0x8,
  signing: 0x100,
  encrypting: 0x200,
  method: 0x400,
});

/** TPMA_PERMANENT, the value of TPM_PT_PERMANENT. Part 2, 8.6. */
export const TPMA_PERMANENT = flags('TPMA_PERMANENT', u32, {
  ownerAuthSet: 0x1,
  endorsementAuthSet: 0x2,
  lockoutAuthSet: 0x4,
  disableClear: 0x100,
  inLockout: 0x200,
  tpmGeneratedEPS: 0x400,
});

/** TPMA_STARTUP_CLEAR, the value of TPM_PT_STARTUP_CLEAR. Part 2, 8.7. */
export const TPMA_STARTUP_CLEAR = flags('TPMA_STARTUP_CLEAR', u32, {
  phEnable: 0x1,
  shEnable: 0x2,
  ehEnable: 0x4,
  phEnableNV: 0x8,
  orderly: 0x80000000,
});

/** TPMA_CC: a command a TPM has. Part 2, 8.9. `code` as TPM_CC, with the bit of vendors' commands. */
export const TPMA_CC = mapped(
  u32,
  'reserved bits are set',
  (value) =>
    (value & ~0x3fc0ffff) === 0
      ? {
          code: (value & 0x2000ffff) >>> 0,
          nv: (value & 0x400000) !== 0,
          extensive: (value & 0x800000) !== 0,
          flushed: (value & 0x1000000) !== 0,
          /** How many handles stand in the command's handle area. */
          handles: (value >>> 25) & 7,
          returnsHandle: (value & 0x10000000) !== 0,
        }
      : undefined,
  (cc) =>
    (cc.code |
      (cc.nv ? 0x400000 : 0) |
      (cc.extensive ? 0x800000 : 0) |
      (cc.flushed ? 0x1000000 : 0) |
      (cc.handles << 25) |
      (cc.returnsHandle ? 0x10000000 : 0)) >>>
    0,
);
