import type { Crypto } from '@sekimori/crypto-core';
import {
  type GuardianKeys,
  OpenedProtector,
  parseProtector,
  rollProtector,
  VerifiedProtector,
} from '@sekimori/key-protector';
import type { TransportKeys } from '@sekimori/key-release';
import { ok, type Result } from '@sekimori/result';

/** A protector opened and rolled. The caller wipes the keys. */
export interface Released {
  readonly egressProtector: Uint8Array;
  readonly keys: TransportKeys;
  /** Finds the release in the records of the key protection service; none in local mode. */
  readonly traceId?: string;
}

/** Whoever opens protectors for this host: key protection services, or in local mode the owner's own guardian. */
export type ReleaseKeys = (protector: Uint8Array) => Promise<Result<Released>>;

/**
 * Local mode: the owner's machine opens with the owner's key, and no service is asked. `protector-not-mine` where no guardian here is a
 * party of it; other faults as `VerifiedProtector.verify` and `OpenedProtector.open` have them.
 */
export function releaseLocally(crypto: Crypto, guardians: readonly GuardianKeys[]): ReleaseKeys {
  return async (protector) => {
    const verified = verifiedProtector(crypto, protector);
    if (!verified.ok) return verified;
    const opened = await OpenedProtector.open(crypto, verified.value, guardians);
    if (!opened.ok) return opened;
    const { protector: egressProtector, transportKey } = await rollProtector(crypto, opened.value);
    return ok({ egressProtector, keys: { ingress: opened.value.transportKey, egress: transportKey } });
  };
}

export function verifiedProtector(crypto: Crypto, protector: Uint8Array): Result<VerifiedProtector> {
  const parsed = parseProtector(protector);
  return parsed.ok ? VerifiedProtector.verify(crypto, parsed.value) : parsed;
}
