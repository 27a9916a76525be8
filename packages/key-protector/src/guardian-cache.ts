import { lengthPrefixed, toHex } from '@sekimori/bytes';
import type { Crypto } from '@sekimori/crypto-core';
import type { Result } from '@sekimori/result';
import { Guardian, type GuardianFault, type GuardianParts } from './guardian.ts';

/**
 * Remembers which guardians held and whom their owners vouch for: few of them stand in many protectors, and these checks
 * depend on nothing but the bytes that are the key here. Only what held is kept; the oldest goes first.
 */
export class GuardianCache {
  readonly #max: number;
  readonly #guardians = new Map<string, Guardian>();
  readonly #vouchers = new Map<string, true>();

  constructor(max = 1024) {
    this.#max = max;
  }

  guardian(crypto: Crypto, parts: GuardianParts): Result<Guardian, GuardianFault> {
    const key = keyOf(
      crypto,
      parts.signingCertificate,
      parts.encryptionCertificate,
      parts.encryptionCertificateSignature,
    );
    const known = this.#guardians.get(key);
    if (known) return { ok: true, value: known };
    const verified = Guardian.verify(crypto, parts);
    if (verified.ok) this.#keep(this.#guardians, key, verified.value);
    return verified;
  }

  /** Whether the owner's key signed the guardian's signing certificate; `check` is asked when it is not known. */
  vouched(crypto: Crypto, owner: Guardian, guardian: Guardian, signature: Uint8Array, check: () => boolean): boolean {
    const key = keyOf(crypto, owner.digest, guardian.digest, signature);
    if (this.#vouchers.has(key)) return true;
    const holds = check();
    if (holds) this.#keep(this.#vouchers, key, true);
    return holds;
  }

  #keep<T>(map: Map<string, T>, key: string, value: T): void {
    const [oldest] = map.keys();
    if (map.size >= this.#max && oldest !== undefined) map.delete(oldest);
    map.set(key, value);
  }
}

function keyOf(crypto: Crypto, ...parts: readonly Uint8Array[]): string {
  return toHex(crypto.hash('sha256', lengthPrefixed(...parts)));
}
