import { toHex } from '@sekimori/bytes';
import { type Crypto, type PublicKey, signCompactJws, type SigningKey, verifyCompactJws } from '@sekimori/crypto-core';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { type HostId, parseHostId } from './claims.ts';

const TYPE = 'sekimori-revocations+jwt';
const MAX_LENGTH = 16 * 1024 * 1024;

/** Hosts in one statement, for who writes and who reads it: the longest statement of so many is below MAX_LENGTH. */
export const MAX_REVOKED_HOSTS = 100_000;

/**
 * One entry for each host, however many certificates it had, so that no host can make the statement long: without `before`
 * the host is revoked; with it, its certificates are whose evidence is not after that time.
 */
export interface RevokedHost {
  readonly id: HostId;
  readonly before?: Date;
}

/** What an attestation service says is revoked. Relying parties follow it by its number, which never goes back. */
export interface RevocationStatement {
  /** The service identifier of the attestation service. */
  readonly issuer: string;
  readonly number: number;
  readonly at: Date;
  /** Each host once. */
  readonly hosts: readonly RevokedHost[];
  /** Health certificates whose evidence is older are refused. */
  readonly denyIssuedBefore?: Date;
}

export type RevocationFault = Fault<
  'revocations-malformed' | 'revocations-untrusted' | 'revocations-signature' | 'revocations-issuer'
>;

/** JWS compact serialization (RFC 7515), ES256. `signer` must be a P-256 key. Throws for more hosts than readers take. */
export async function signRevocationStatement(
  crypto: Crypto,
  statement: RevocationStatement,
  signer: SigningKey,
): Promise<string> {
  if (signer.algorithm !== 'ecdsa-sha256') throw new Error('a revocation statement is signed with ES256');
  if (statement.hosts.length > MAX_REVOKED_HOSTS)
    throw new RangeError(`${statement.hosts.length} hosts to revoke; a statement has ${MAX_REVOKED_HOSTS} at most`);
  const payload = {
    iss: statement.issuer,
    number: statement.number,
    at: statement.at.toISOString(),
    hosts: statement.hosts.map(({ id, before }) => (before ? { id, before: before.toISOString() } : { id })),
    ...(statement.denyIssuedBefore ? { denyIssuedBefore: statement.denyIssuedBefore.toISOString() } : {}),
  };
  const head = { typ: TYPE, kid: keyId(crypto, signer.publicKey) };
  return signCompactJws(head, payload, (data) => signer.sign(data));
}

/**
 * A statement whose signature by one of the pinned signers holds. Its age and number are for the caller to judge:
 * `at` against its own clock, `number` against the highest it has seen.
 */
export function verifyRevocationStatement(
  crypto: Crypto,
  jws: string,
  trusted: { readonly signers: readonly PublicKey[]; readonly issuer: string },
): Result<RevocationStatement, RevocationFault> {
  const read = verifyCompactJws(crypto, jws, {
    typ: TYPE,
    maxLength: MAX_LENGTH,
    keyOf: (kid) => trusted.signers.find((key) => keyId(crypto, key) === kid),
  });
  if (!read.ok) return fail(FAULTS[read.fault.code], read.fault.detail);
  const statement = readStatement(read.value);
  if (!statement) return fail('revocations-malformed', 'the payload is not a revocation statement');
  if (statement.issuer !== trusted.issuer)
    return fail('revocations-issuer', `issued by ${statement.issuer}, not ${trusted.issuer}`);
  return ok(statement);
}

const FAULTS = {
  'jws-malformed': 'revocations-malformed',
  'jws-key': 'revocations-untrusted',
  'jws-signature': 'revocations-signature',
} as const;

function keyId(crypto: Crypto, key: PublicKey): string {
  return toHex(crypto.hash('sha256', key.spki));
}

function readStatement(value: Readonly<Record<string, unknown>>): RevocationStatement | undefined {
  const { iss, number, at, hosts, denyIssuedBefore, ...others } = value;
  const issuedAt = readTime(at);
  const deny = readTime(denyIssuedBefore);
  if (Object.keys(others).length > 0 || typeof iss !== 'string' || !issuedAt) return undefined;
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0) return undefined;
  const revoked = readHosts(hosts);
  if (!revoked || (denyIssuedBefore !== undefined && !deny)) return undefined;
  return { issuer: iss, number, at: issuedAt, hosts: revoked, ...(deny ? { denyIssuedBefore: deny } : {}) };
}

function readTime(value: unknown): Date | undefined {
  if (typeof value !== 'string') return undefined;
  const time = new Date(value);
  return !Number.isNaN(time.getTime()) && time.toISOString() === value ? time : undefined;
}

function readHosts(value: unknown): readonly RevokedHost[] | undefined {
  if (!Array.isArray(value) || value.length > MAX_REVOKED_HOSTS) return undefined;
  const hosts = new Map<HostId, RevokedHost>();
  for (const item of value as readonly unknown[]) {
    const host = readHost(item);
    if (!host || hosts.has(host.id)) return undefined; // of two entries for a host, a reader may see one
    hosts.set(host.id, host);
  }
  return [...hosts.values()];
}

function readHost(value: unknown): RevokedHost | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { id, before, ...others } = value as Readonly<Record<string, unknown>>;
  const hostId = typeof id === 'string' ? parseHostId(id) : undefined;
  if (!hostId || Object.keys(others).length > 0) return undefined;
  if (before === undefined) return { id: hostId };
  const time = readTime(before);
  return time && { id: hostId, before: time };
}
