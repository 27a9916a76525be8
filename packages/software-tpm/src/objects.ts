import { stripTrailingZeros } from '@sekimori/bytes';
import { type Crypto, type PrivateKey, Secret } from '@sekimori/crypto-core';
import {
  nameOf,
  type PublicArea,
  qualifiedNameOfPrimary,
  recoverSeed,
  type SeedLabel,
  storageKeyBits,
} from '@sekimori/tpm2';
import type { EcKey } from './curves.ts';

type AsymmetricKey =
  | { readonly type: 'rsa'; readonly privateKey: PrivateKey }
  | { readonly type: 'ecc'; readonly ecKey: EcKey };
/** Sealed data, or the key of an HMAC, stand where others have a key pair. */
export type ObjectKey = AsymmetricKey | { readonly type: 'keyedhash'; readonly data: Secret };

/** A loaded object: a public area, and mostly the key to it. */
export interface TpmObject {
  readonly area: PublicArea;
  readonly name: Uint8Array;
  readonly qualifiedName: Uint8Array;
  /** The hierarchy's handle. */
  readonly hierarchy: number;
  /** Without its trailing zeros, as it is compared and used. Part 1, 19.6.4.3. */
  readonly auth: Secret;
  /** Absent after TPM2_LoadExternal of a public area alone. */
  readonly key: ObjectKey | undefined;
  /** seedValue of TPMT_SENSITIVE. Absent for a primary storage key: its seed follows from that of its hierarchy. */
  readonly seedValue: Secret | undefined;
}

/** `qualifiedName`: of an object that is no primary. */
export function objectOf(
  crypto: Crypto,
  parts: Pick<TpmObject, 'area' | 'hierarchy' | 'key'> & {
    readonly auth?: Uint8Array;
    readonly qualifiedName?: Uint8Array;
    readonly seedValue?: Uint8Array | undefined;
  },
): TpmObject {
  const { area, hierarchy, key, seedValue } = parts;
  return {
    area,
    hierarchy,
    key,
    name: nameOf(crypto, area),
    qualifiedName: parts.qualifiedName ?? qualifiedNameOfPrimary(crypto, area, hierarchy),
    auth: new Secret(stripTrailingZeros(parts.auth ?? new Uint8Array(0))),
    seedValue: seedValue && new Secret(seedValue),
  };
}

/** Whether objects can stand below it. Part 1, 27.1. */
export function isStorageKey({ area, key }: TpmObject): boolean {
  return key !== undefined && storageKeyBits(area.value) !== undefined;
}

/** A session's salt, a credential's or a duplicate's seed. Undefined where it does not open, also for want of a private key. */
export async function seedFor(
  crypto: Crypto,
  { area: publicArea, key }: TpmObject,
  label: SeedLabel,
  encrypted: Uint8Array,
): Promise<Secret | undefined> {
  if (key === undefined || key.type === 'keyedhash') return undefined;
  const { privateKey } = key.type === 'rsa' ? key : key.ecKey;
  return recoverSeed(crypto, { publicArea, privateKey }, label, encrypted);
}
