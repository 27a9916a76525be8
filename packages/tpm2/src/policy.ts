import { concat, fromHex, u32be } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { type Crypto, type HashName, hashLength } from '@sekimori/crypto-core';
import { COMMANDS } from './commands.ts';
import { type PcrSelection, TPML_PCR_SELECTION } from './pcr-selection.ts';

/**
 * A policy digest, computed as the TPM does it. Part 1, 19.7; Part 3, 23. Each step gives a new value:
 * `PolicyDigest.start(crypto, 'sha256').pcr(selection, pcrDigest).digest`
 */
export class PolicyDigest {
  readonly #crypto: Crypto;
  readonly #hash: HashName;
  readonly digest: Uint8Array;

  private constructor(crypto: Crypto, hash: HashName, digest: Uint8Array) {
    this.#crypto = crypto;
    this.#hash = hash;
    this.digest = digest;
  }

  static start(crypto: Crypto, hash: HashName): PolicyDigest {
    return new PolicyDigest(crypto, hash, new Uint8Array(hashLength(hash)));
  }

  /** TPM2_PolicyPCR. `pcrDigest` is made with the hash of this policy. */
  pcr(selection: readonly PcrSelection[], pcrDigest: Uint8Array): PolicyDigest {
    return this.#extend(this.digest, COMMANDS.PolicyPCR.code, encode(TPML_PCR_SELECTION, selection), pcrDigest);
  }

  /** TPM2_PolicySecret. `entity` is a Name; the second hash runs over policyRef even when that is empty. */
  secret(entity: Uint8Array, policyRef: Uint8Array = new Uint8Array(0)): PolicyDigest {
    const first = this.#extend(this.digest, COMMANDS.PolicySecret.code, entity);
    return new PolicyDigest(this.#crypto, this.#hash, this.#crypto.hash(this.#hash, concat(first.digest, policyRef)));
  }

  /**
   * TPM2_PolicyAuthorize: the digest starts anew from zeros, so any policy that the key signed for will do. `keySign` is a
   * Name. Part 3, 23.16.
   */
  static authorize(crypto: Crypto, hash: HashName, keySign: Uint8Array, policyRef: Uint8Array): PolicyDigest {
    const start = PolicyDigest.start(crypto, hash);
    const first = start.#extend(start.digest, COMMANDS.PolicyAuthorize.code, keySign);
    return new PolicyDigest(crypto, hash, crypto.hash(hash, concat(first.digest, policyRef)));
  }

  authValue(): PolicyDigest {
    return this.#extend(this.digest, COMMANDS.PolicyAuthValue.code);
  }

  commandCode(code: number): PolicyDigest {
    return this.#extend(this.digest, COMMANDS.PolicyCommandCode.code, u32be(code));
  }

  /** TPM2_PolicyOR: the digest starts anew from zeros. */
  static or(crypto: Crypto, hash: HashName, branches: readonly Uint8Array[]): PolicyDigest {
    const start = PolicyDigest.start(crypto, hash);
    return start.#extend(start.digest, COMMANDS.PolicyOR.code, ...branches);
  }

  #extend(previous: Uint8Array, code: number, ...parts: readonly Uint8Array[]): PolicyDigest {
    const digest = this.#crypto.hash(this.#hash, concat(previous, u32be(code), ...parts));
    return new PolicyDigest(this.#crypto, this.#hash, digest);
  }
}

const hex = (text: string): Uint8Array => fromHex(text) as Uint8Array;

/** PolicyA of the EK Credential Profile: PolicySecret(TPM_RH_ENDORSEMENT). */
export const EK_POLICY_A = {
  sha256: hex('837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa'),
  sha384: hex('8bbf2266537c171cb56e403c4dc1d4b64f432611dc386e6f532050c3278c930e143e8bb1133824ccb431053871c6db53'),
  sha512: hex(
    '1e3b76502c8a1425aa0b7b3fc646a1b0fae063b03b5368f9c4cddecaff0891dd682bac1a85d4d832b781ea451915de5fc5bf0dc4a1917cd42fa041e3f998e0ee',
  ),
} as const;

/** PolicyC: PolicyAuthorizeNV of the profile's policy index. */
export const EK_POLICY_C = {
  sha256: hex('3767e2edd43ff45a3a7e1eaefcef78643dca964632e7aad82c673a30d8633fde'),
  sha384: hex('d6032ce61f2fb3c240eb3cf6a33237ef2b6a16f4293c22b455e261cffd217ad5b4947c2d73e63005eed2dc2b3593d165'),
  sha512: hex(
    '589ee1e146544716e8deafe6db247b01b81e9f9c7dd16b814aa159138749105fba5388dd1dea702f35240c184933121e2c61b8f50d3ef91393a49a38c3f73fc8',
  ),
} as const;

/** PolicyB: PolicyOR(PolicyA, PolicyC), the policy of high-range endorsement keys. */
export const EK_POLICY_B = {
  sha256: hex('ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0'),
  sha384: hex('b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12'),
  sha512: hex(
    'b8221ca69e8550a4914de3faa6a18c072cc01208073a928d5d66d59ef79e49a429c41a6b269571d57edb25fbdb1838425608b413cd616a5f6db5b6071af99bea',
  ),
} as const;
