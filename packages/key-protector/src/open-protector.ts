import { equalConstantTime } from '@sekimori/bytes';
import type { Crypto, Secret } from '@sekimori/crypto-core';
import { type Fault, type Result, fail, ok } from '@sekimori/result';
import type { GuardianKeys } from './guardian.ts';
import { SEKIMORI_1 } from './sekimori-1.ts';
import type { VerifiedProtector } from './verified-protector.ts';

/**
 * A protector that one of its parties has opened: the transport key is the one that authenticates all wrappings. It exists
 * through `open` only.
 */
export class OpenedProtector {
  readonly protector: VerifiedProtector;
  /** The party that opened it. */
  readonly keys: GuardianKeys;
  readonly transportKey: Secret;

  private constructor(protector: VerifiedProtector, keys: GuardianKeys, transportKey: Secret) {
    this.protector = protector;
    this.keys = keys;
    this.transportKey = transportKey;
  }

  /**
   * `protector-not-mine`: no wrapping has both certificates of any of `parties`. `protector-not-opened`: from here on every
   * failure looks the same, be it the ephemeral point, the tag, the plaintext or the transport key signature. Rejects where
   * a key store is out of reach.
   */
  static async open(
    crypto: Crypto,
    protector: VerifiedProtector,
    parties: readonly GuardianKeys[],
  ): Promise<Result<OpenedProtector, Fault<'protector-not-mine' | 'protector-not-opened'>>> {
    for (const keys of parties) {
      const wrapping = protector.wrappingOf(keys.guardian);
      if (!wrapping) continue;
      const binding = { wrappingId: wrapping.id, guardian: keys.guardian.digest };
      const transportKey = await SEKIMORI_1.unwrap(crypto, keys.agreement, binding, wrapping.wrappedKey);
      return transportKey && authenticates(crypto, protector, transportKey)
        ? ok(new OpenedProtector(protector, keys, transportKey))
        : fail('protector-not-opened', 'the protector does not open');
    }
    return fail('protector-not-mine', 'no wrapping is for this guardian');
  }
}

function authenticates(crypto: Crypto, protector: VerifiedProtector, transportKey: Secret): boolean {
  const { keyDerivation, signedOctets, transportKeySignature } = protector;
  const expected = SEKIMORI_1.authenticate(crypto, transportKey, keyDerivation, signedOctets);
  const isEqual = equalConstantTime(expected, transportKeySignature);
  if (!isEqual) transportKey.wipe();
  return isEqual;
}
