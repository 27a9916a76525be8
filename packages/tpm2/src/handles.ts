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

/** Where keys and certificates usually stand. TCG EK Credential Profile; TCG Provisioning Guidance. */
export const WELL_KNOWN = {
  storageRootKey: 0x81000001,
  rsa2048EndorsementKey: 0x81010001,
  /** swtpm keeps its P-384 endorsement key here: 0x81010000 + low byte of the certificate index. */
  eccP384EndorsementKey: 0x81010016,
  rsa2048EndorsementCertificate: 0x01c00002,
  eccP384EndorsementCertificate: 0x01c00016,
  platformCertificate: 0x01c08000,
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
