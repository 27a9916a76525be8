import { concat, equalConstantTime, fromHex, toHex, u32be, u64be, utf8 } from '@sekimori/bytes';
import { bytes, constant, decode, encode, type Infer, struct, u8, u64 } from '@sekimori/codec';
import type { Crypto, Secret } from '@sekimori/crypto-core';
import { fail, type Fault, ok, type Result } from '@sekimori/result';

/** What a challenge says, in wire order; the MAC follows. */
const CHALLENGE = struct('Challenge')
  .field('version', constant(u8, 1))
  .field('nonce', bytes(32))
  .field('issuedAt', u64) // milliseconds since 1970
  .field('expiresAt', u64)
  .field('hostId', bytes(16))
  .field('mac', bytes(32));

export const CHALLENGE_KEY_BYTES = 32;

export interface ChallengeKey {
  readonly crypto: Crypto;
  /** CHALLENGE_KEY_BYTES, the same on every node of the service; it outlives a restart. */
  readonly macKey: Secret;
  readonly serviceId: string;
}

export interface OpenChallenge {
  /** Hex SHA-256 of the challenge: what is inserted, once, when it is used. */
  readonly id: string;
  readonly bytes: Uint8Array;
  /** What the life of a certificate counts from, whatever is configured when the challenge comes back. */
  readonly issuedAt: Date;
  readonly expiresAt: Date;
}

/** A random challenge for one host. It carries its own MAC, so there is no row until it is used. */
export function issueChallenge(
  key: ChallengeKey,
  hostId: string,
  { issuedAt, expiresAt }: Pick<OpenChallenge, 'issuedAt' | 'expiresAt'>,
): OpenChallenge {
  const body = {
    version: 1 as const,
    nonce: key.crypto.random(32),
    issuedAt: BigInt(issuedAt.getTime()),
    expiresAt: BigInt(expiresAt.getTime()),
    hostId: uuidBytes(hostId),
  };
  const challenge = encode(CHALLENGE, { ...body, mac: macOf(key, body) });
  return { id: toHex(key.crypto.hash('sha256', challenge)), bytes: challenge, issuedAt, expiresAt };
}

/** `challenge-refused`: not ours, for another host or service, or ended. Whether it was used is the store's to say. */
export function checkChallenge(
  key: ChallengeKey,
  challenge: Uint8Array,
  expected: { readonly hostId: string; readonly at: Date },
): Result<OpenChallenge, Fault<'challenge-refused'>> {
  const decoded = decode(CHALLENGE, challenge);
  if (!decoded.ok) return fail('challenge-refused', 'not a challenge of this service', { cause: decoded.fault });
  const { mac, ...body } = decoded.value;
  if (!equalConstantTime(mac, macOf(key, body))) return fail('challenge-refused', 'not a challenge of this service');
  if (!equalConstantTime(body.hostId, uuidBytes(expected.hostId)))
    return fail('challenge-refused', 'a challenge for another host');
  const expiresAt = new Date(Number(body.expiresAt));
  if (!(expiresAt.getTime() > expected.at.getTime()))
    return fail('challenge-refused', `it ended at ${expiresAt.toISOString()}`);
  const issuedAt = new Date(Number(body.issuedAt));
  return ok({ id: toHex(key.crypto.hash('sha256', challenge)), bytes: challenge, issuedAt, expiresAt });
}

function macOf(key: ChallengeKey, body: Omit<Infer<typeof CHALLENGE>, 'mac'>): Uint8Array {
  const parts = [
    utf8('sekimori-1 challenge'),
    utf8(key.serviceId),
    Uint8Array.of(body.version),
    body.nonce,
    u64be(body.issuedAt),
    u64be(body.expiresAt),
    body.hostId,
  ];
  return key.crypto.hmac('sha256', key.macKey, concat(...parts.flatMap((part) => [u32be(part.length), part])));
}

function uuidBytes(id: string): Uint8Array {
  const value = fromHex(id.replaceAll('-', ''));
  if (value?.length !== 16) throw new RangeError('a host identifier is a UUID');
  return value;
}
