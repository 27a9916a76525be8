import { concat, u16be } from '@sekimori/bytes';
import { encode, type Infer } from '@sekimori/codec';
import { type Crypto, Secret } from '@sekimori/crypto-core';
import { TPM_ALG, TPMS_NV_PUBLIC } from '@sekimori/tpm2';
import { withoutTrailingZeros } from './objects.ts';

export type NvPublic = Infer<typeof TPMS_NV_PUBLIC>;

/** An ordinary NV index. Counters, bit fields, extend and PIN indices are not there. Part 1, 37. */
export interface NvIndex {
  readonly public: NvPublic;
  readonly name: Uint8Array;
  readonly auth: Secret;
  readonly data: Uint8Array;
}

export function nvIndexOf(
  crypto: Crypto,
  area: NvPublic,
  parts: { readonly auth?: Uint8Array; readonly data?: Uint8Array } = {},
): NvIndex {
  return {
    public: area,
    name: concat(u16be(TPM_ALG[area.nameAlg]), crypto.hash(area.nameAlg, encode(TPMS_NV_PUBLIC, area))),
    auth: new Secret(withoutTrailingZeros(parts.auth ?? new Uint8Array(0))),
    data: parts.data ?? new Uint8Array(area.dataSize).fill(0xff),
  };
}
