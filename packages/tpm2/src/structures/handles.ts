import { u32be } from '@sekimori/bytes';

/** Permanent handles. Part 2, 7.4. */
export const TPM_RH = {
  owner: 0x40000001,
  null: 0x40000007,
  password: 0x40000009,
  lockout: 0x4000000a,
  endorsement: 0x4000000b,
  platform: 0x4000000c,
} as const;

/** NV indices and the handle of one endorsement key. */
export interface EndorsementPlace {
  readonly certificateIndex: number;
  /** A TPMT_PUBLIC that takes the place of the profile's template. */
  readonly templateIndex: number;
  /** What `unique` of the template begins with. In the low range alone. */
  readonly nonceIndex?: number;
  /** Where the key stands if its TPM's maker made it persistent: a custom, not a rule. */
  readonly persistentHandle: number;
}

/**
 * Where each endorsement key of the profile has its certificate, by the name of its template. TCG EK Credential Profile 2.5,
 * 2.2.1.4 and 2.2.1.5. The handles are the TCG Provisioning Guidance's for L-1, and swtpm's for the others: 0x81010000 + the low byte of the
 * certificate index.
 */
export const EK_PLACES = {
  'L-1': {
    certificateIndex: 0x01c00002,
    nonceIndex: 0x01c00003,
    templateIndex: 0x01c00004,
    persistentHandle: 0x81010001,
  },
  'L-2': {
    certificateIndex: 0x01c0000a,
    nonceIndex: 0x01c0000b,
    templateIndex: 0x01c0000c,
    persistentHandle: 0x8101000a,
  },
  'H-1': highRange(0x12),
  'H-2': highRange(0x14),
  'H-3': highRange(0x16),
  'H-4': highRange(0x18),
  'H-5': highRange(0x1a),
  'H-6': highRange(0x1c),
  'H-7': highRange(0x1e),
} as const satisfies Readonly<Record<string, EndorsementPlace>>;
/** The name of a template in the EK Credential Profile. */
export type EkName = keyof typeof EK_PLACES;

function highRange(low: number): EndorsementPlace {
  return {
    certificateIndex: 0x01c00000 + low,
    templateIndex: 0x01c00001 + low,
    persistentHandle: 0x81010000 + low,
  };
}

/** Where keys and certificates usually stand. TCG EK Credential Profile; TCG Provisioning Guidance. */
export const WELL_KNOWN = {
  storageRootKey: 0x81000001,
  rsa2048EndorsementKey: EK_PLACES['L-1'].persistentHandle,
  eccP384EndorsementKey: EK_PLACES['H-3'].persistentHandle,
  rsa2048EndorsementCertificate: EK_PLACES['L-1'].certificateIndex,
  eccP384EndorsementCertificate: EK_PLACES['H-3'].certificateIndex,
  platformCertificate: 0x01c08000,
  /** swtpm's choice, as the next three. */
  idevid: 0x81020000,
  iak: 0x81020001,
  iakCertificate: 0x01c90100,
  idevidCertificate: 0x01c90200,
} as const;

const TYPES = {
  0x00: 'pcr',
  0x01: 'nv',
  0x02: 'hmac-session',
  0x03: 'policy-session',
  0x40: 'permanent',
  0x80: 'transient',
  0x81: 'persistent',
} as const;
/** TPM_HT by name. Part 2, 7.2. */
export type HandleType = (typeof TYPES)[keyof typeof TYPES];

/** TPM_HT: the top byte of a handle. Part 2, 7.2. Undefined for a type that is not in use here. */
export function handleType(handle: number): HandleType | undefined {
  return (TYPES as Readonly<Record<number, HandleType>>)[handle >>> 24];
}

/**
 * The Name of an entity that has no public area: the handle itself. Part 1, 16. Undefined for objects and NV indices,
 * whose Name is a digest.
 */
export function nameOfHandle(handle: number): Uint8Array | undefined {
  const type = handleType(handle);
  return type === 'nv' || type === 'transient' || type === 'persistent' ? undefined : u32be(handle);
}
