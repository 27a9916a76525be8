import { encode } from '@sekimori/codec';
import type { Crypto } from '@sekimori/crypto-core';
import {
  AK_ECC_P256,
  nameOf,
  pointOf,
  publicArea,
  qualifiedNameOfPrimary,
  TPM2B_PUBLIC,
  TPM_RH,
  TPMT_SIGNATURE,
} from '@sekimori/tpm2';

/** An attestation key outside any TPM: it signs whatever it is given. For what no TPM would sign. */
export interface Forger {
  /** TPM2B_PUBLIC of what looks like an attestation key. */
  readonly tpm2bPublic: Uint8Array;
  readonly name: Uint8Array;
  readonly qualifiedName: Uint8Array;
  /** TPMT_SIGNATURE over any bytes, in the key's scheme. */
  sign(this: void, bytes: Uint8Array): Promise<Uint8Array>;
}

export async function createForger(crypto: Crypto): Promise<Forger> {
  const key = await crypto.generateKey({ type: 'ec', curve: 'P-256' });
  if (key.publicKey.type !== 'ec') throw new Error('an EC key was asked for');
  const area = publicArea({ ...AK_ECC_P256.value, unique: { is: 'ecc', value: pointOf(key.publicKey) } });
  return {
    tpm2bPublic: encode(TPM2B_PUBLIC, area),
    name: nameOf(crypto, area),
    qualifiedName: qualifiedNameOfPrimary(crypto, area, TPM_RH.endorsement),
    sign: async (bytes) => {
      const signature = await key.sign('ecdsa-sha256', bytes);
      const [signatureR, signatureS] = [signature.slice(0, 32), signature.slice(32)];
      return encode(TPMT_SIGNATURE, { sigAlg: 'ecdsa', hash: 'sha256', signatureR, signatureS });
    },
  };
}
