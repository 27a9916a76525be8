import { concat, fromHex, u16be, u32be } from '@sekimori/bytes';
import { encode, type Infer } from '@sekimori/codec';
import { type Crypto, type HashName, hashLength } from '@sekimori/crypto-core';
import { TPMI_YES_NO } from '../structures/attest.ts';
import { COMMANDS } from '../commands/table.ts';
import { TPM_EO } from '../commands/policy.ts';
import { type PcrSelection, TPML_PCR_SELECTION } from '../structures/pcr-selection.ts';

const NONE = new Uint8Array(0);

/**
 * A policy digest, computed as the TPM does it. Part 1, 19.7; Part 3, 23. Each step gives a new value:
 * `PolicyDigest.start(crypto, 'sha256').pcr(selection, pcrDigest).digest`
 */
export class PolicyDigest {
  readonly crypto: Crypto;
  readonly hash: HashName;
  readonly digest: Uint8Array;

  private constructor(crypto: Crypto, hash: HashName, digest: Uint8Array) {
    this.crypto = crypto;
    this.hash = hash;
    this.digest = digest;
  }

  static start(crypto: Crypto, hash: HashName): PolicyDigest {
    return new PolicyDigest(crypto, hash, new Uint8Array(hashLength(hash)));
  }

  /** TPM2_PolicyPCR. `pcrDigest` is made with the hash of this policy. */
  pcr(selection: readonly PcrSelection[], pcrDigest: Uint8Array): PolicyDigest {
    return this.#extend(this.digest, COMMANDS.PolicyPCR.code, encode(TPML_PCR_SELECTION, selection), pcrDigest);
  }

  /** TPM2_PolicySecret. `entity` is a Name; the second hash runs over policyRef even when that is empty. Part 3, 23.4. */
  secret(entity: Uint8Array, policyRef: Uint8Array = NONE): PolicyDigest {
    return this.#extend(this.digest, COMMANDS.PolicySecret.code, entity).#with(policyRef);
  }

  /** TPM2_PolicySigned. `signer` is a Name. Part 3, 23.3. */
  signed(signer: Uint8Array, policyRef: Uint8Array = NONE): PolicyDigest {
    return this.#extend(this.digest, COMMANDS.PolicySigned.code, signer).#with(policyRef);
  }

  /**
   * TPM2_PolicyAuthorize: the digest starts anew from zeros, so any policy that the key signed for will do. `keySign` is a
   * Name. Part 3, 23.16.
   */
  static authorize(crypto: Crypto, hash: HashName, keySign: Uint8Array, policyRef: Uint8Array): PolicyDigest {
    const start = PolicyDigest.start(crypto, hash);
    return start.#extend(start.digest, COMMANDS.PolicyAuthorize.code, keySign).#with(policyRef);
  }

  /** TPM2_PolicyAuthorizeNV: the digest starts anew from zeros. `nvIndex` is a Name. Part 3, 23.22. */
  static authorizeNv(crypto: Crypto, hash: HashName, nvIndex: Uint8Array): PolicyDigest {
    const start = PolicyDigest.start(crypto, hash);
    return start.#extend(start.digest, COMMANDS.PolicyAuthorizeNV.code, nvIndex);
  }

  /** TPM2_PolicyOR: the digest starts anew from zeros. Of two to eight branches. Part 3, 23.6. */
  static or(crypto: Crypto, hash: HashName, branches: readonly Uint8Array[]): PolicyDigest {
    const start = PolicyDigest.start(crypto, hash);
    return start.#extend(start.digest, COMMANDS.PolicyOR.code, ...branches);
  }

  /** TPM2_PolicyAuthValue. Part 3, 23.17. */
  authValue(): PolicyDigest {
    return this.#extend(this.digest, COMMANDS.PolicyAuthValue.code);
  }

  /** TPM2_PolicyPassword: the digest of TPM2_PolicyAuthValue, on purpose. Part 3, 23.18. */
  password(): PolicyDigest {
    return this.authValue();
  }

  /** TPM2_PolicyCommandCode. `code` is a TPM_CC. Part 3, 23.11. */
  commandCode(code: number): PolicyDigest {
    return this.#extend(this.digest, COMMANDS.PolicyCommandCode.code, u32be(code));
  }

  /** TPM2_PolicyCpHash. Part 3, 23.13. */
  cpHash(cpHash: Uint8Array): PolicyDigest {
    return this.#extend(this.digest, COMMANDS.PolicyCpHash.code, cpHash);
  }

  /** TPM2_PolicyLocality. `locality` is a TPMA_LOCALITY: bit n for locality n, a number from 32 on for that one. Part 3, 23.8. */
  locality(locality: number): PolicyDigest {
    return this.#extend(this.digest, COMMANDS.PolicyLocality.code, Uint8Array.of(locality));
  }

  /** TPM2_PolicyNV. `nvIndex` is a Name. Part 3, 23.9. */
  nv(nvIndex: Uint8Array, operandB: Uint8Array, offset: number, operation: Infer<typeof TPM_EO>): PolicyDigest {
    const args = this.crypto.hash(this.hash, concat(operandB, u16be(offset), encode(TPM_EO, operation)));
    return this.#extend(this.digest, COMMANDS.PolicyNV.code, args, nvIndex);
  }

  /** TPM2_PolicyNvWritten. Part 3, 23.20. */
  nvWritten(written: boolean): PolicyDigest {
    return this.#extend(this.digest, COMMANDS.PolicyNvWritten.code, encode(TPMI_YES_NO, written));
  }

  /** TPM2_PolicyDuplicationSelect. Names; the object's own is part of the digest where `includeObject`. Part 3, 23.15. */
  duplicationSelect(objectName: Uint8Array, newParentName: Uint8Array, includeObject: boolean): PolicyDigest {
    const parts = [...(includeObject ? [objectName] : []), newParentName, encode(TPMI_YES_NO, includeObject)];
    return this.#extend(this.digest, COMMANDS.PolicyDuplicationSelect.code, ...parts);
  }

  #extend(previous: Uint8Array, code: number, ...parts: readonly Uint8Array[]): PolicyDigest {
    return new PolicyDigest(
      this.crypto,
      this.hash,
      this.crypto.hash(this.hash, concat(previous, u32be(code), ...parts)),
    );
  }

  /** PolicyUpdate hashes a second time, over policyRef. Part 3, 23.2.3. */
  #with(policyRef: Uint8Array): PolicyDigest {
    return new PolicyDigest(this.crypto, this.hash, this.crypto.hash(this.hash, concat(this.digest, policyRef)));
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
