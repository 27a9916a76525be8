import { toHex, utf8 } from '@sekimori/bytes';
import type { Crypto } from '@sekimori/crypto-core';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { ParseError, parseObject } from './parse.ts';

/** Is this host good? What an administrator set; there is no default, and no way to ask for less than a full boot. */
export interface AttestationPolicy {
  /** Rises with every change. */
  readonly version: number;
  readonly secureBoot: 'required' | 'not-required';
  readonly fullBoot: true;
}

/** SHA-256 of the policy, lower-case hex: what a Verdict and a health certificate name it by. */
export function policyDigest(crypto: Pick<Crypto, 'hash'>, policy: AttestationPolicy): string {
  const { version, secureBoot, fullBoot } = policy;
  const canonical = JSON.stringify(['sekimori-1 attestation policy', version, secureBoot, fullBoot]);
  return toHex(crypto.hash('sha256', utf8(canonical)));
}

/** Strict: every field and no other. */
export function parseAttestationPolicy(value: unknown): Result<AttestationPolicy, Fault<'policy-malformed'>> {
  try {
    const from = parseObject(value, 'attestation policy', ['version', 'secureBoot', 'fullBoot']);
    return ok({
      version: from.integer('version', 1, Number.MAX_SAFE_INTEGER),
      secureBoot: from.literal('secureBoot', ['required', 'not-required']),
      fullBoot: from.literal('fullBoot', [true]),
    });
  } catch (error) {
    if (error instanceof ParseError) return fail('policy-malformed', error.detail, { at: error.at });
    throw error;
  }
}
