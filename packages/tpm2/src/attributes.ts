import { type Codec, u8, u32 } from '@sekimori/codec';

type Flags<Bits extends Readonly<Record<string, number>>> = { readonly [K in keyof Bits & string]: boolean };

/** Named bits: each one present as true or false, a bit without a name is a fault (Part 2: reserved bits are zero). */
function flags<const Bits extends Readonly<Record<string, number>>>(
  name: string,
  number: Codec<number>,
  bits: Bits,
): Codec<Flags<Bits>> & { readonly of: (...set: readonly (keyof Bits & string)[]) => Flags<Bits> } {
  const entries = Object.entries(bits) as [keyof Bits & string, number][];
  const known = entries.reduce((all, [, bit]) => (all | bit) >>> 0, 0);
  return {
    name,
    read: (reader) => {
      const start = reader.offset;
      const value = number.read(reader);
      const unknown = (value & ~known) >>> 0;
      if (unknown !== 0) reader.stop(`reserved bits 0x${unknown.toString(16)} are set`, start);
      return Object.fromEntries(entries.map(([key, bit]) => [key, (value & bit) !== 0])) as Flags<Bits>;
    },
    write: (writer, value) =>
      number.write(
        writer,
        entries.reduce((all, [key, bit]) => (value[key] ? (all | bit) >>> 0 : all), 0),
      ),
    of: (...set) => Object.fromEntries(entries.map(([key]) => [key, set.includes(key)])) as Flags<Bits>,
  };
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

/** TPMA_NV. Part 2, 13.4. Bits 4 to 7 hold the kind of index as a number and are kept as four flags of their own. */
export const TPMA_NV = flags('TPMA_NV', u32, {
  ppWrite: 0x1,
  ownerWrite: 0x2,
  authWrite: 0x4,
  policyWrite: 0x8,
  type0: 0x10,
  type1: 0x20,
  type2: 0x40,
  type3: 0x80,
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
