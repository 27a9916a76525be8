import { fromBase64Url, fromUtf8, toBase64Url, toHex, utf8 } from '@sekimori/bytes';
import type { Crypto, PublicKey, SigningKey } from '@sekimori/crypto-core';
import { fail, type Fault, ok, type Result } from '@sekimori/result';

const TYPE = 'sekimori-revocations+jwt';
const MAX_LENGTH = 16 * 1024 * 1024;
const MAX_ITEMS = 200_000;

/** What an attestation service says is revoked. Relying parties follow it by its number, which never goes back. */
export interface RevocationStatement {
  /** The service identifier of the attestation service. */
  readonly issuer: string;
  readonly number: number;
  readonly at: Date;
  /** Serial numbers, lower-case hex, of health certificates that have not expired by themselves. */
  readonly serials: readonly string[];
  /** Identifiers of revoked hosts. */
  readonly hosts: readonly string[];
  /** Health certificates whose evidence is older are refused. */
  readonly denyIssuedBefore?: Date;
}

export type RevocationFault = Fault<
  'revocations-malformed' | 'revocations-untrusted' | 'revocations-signature' | 'revocations-issuer'
>;

/** JWS compact serialization (RFC 7515), ES256. `signer` must be a P-256 key. */
export async function signRevocationStatement(
  crypto: Crypto,
  statement: RevocationStatement,
  signer: SigningKey,
): Promise<string> {
  if (signer.algorithm !== 'ecdsa-sha256') throw new Error('a revocation statement is signed with ES256');
  const header = { alg: 'ES256', typ: TYPE, kid: keyId(crypto, signer.publicKey) };
  const payload = {
    iss: statement.issuer,
    number: statement.number,
    at: statement.at.toISOString(),
    serials: statement.serials,
    hosts: statement.hosts,
    ...(statement.denyIssuedBefore ? { denyIssuedBefore: statement.denyIssuedBefore.toISOString() } : {}),
  };
  const signed = `${toBase64Url(utf8(JSON.stringify(header)))}.${toBase64Url(utf8(JSON.stringify(payload)))}`;
  return `${signed}.${toBase64Url(await signer.sign(utf8(signed)))}`;
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
  const parts = jws.length <= MAX_LENGTH ? jws.split('.') : [];
  const [header, payload, signature] = parts;
  const signatureBytes = fromBase64Url(signature ?? '');
  if (parts.length !== 3 || !header || !payload || !signatureBytes)
    return fail('revocations-malformed', 'not a compact JWS');
  const head = parseObject(header);
  if (head?.['alg'] !== 'ES256' || head['typ'] !== TYPE || Object.keys(head).length !== 3)
    return fail('revocations-malformed', 'the header is not that of a revocation statement');
  const signer = trusted.signers.find((key) => keyId(crypto, key) === head['kid']);
  if (!signer) return fail('revocations-untrusted', 'signed by a key that is not pinned here');
  if (!crypto.verify(signer, 'ecdsa-sha256', utf8(`${header}.${payload}`), signatureBytes))
    return fail('revocations-signature', 'the signature does not hold');
  const statement = readStatement(parseObject(payload));
  if (!statement) return fail('revocations-malformed', 'the payload is not a revocation statement');
  if (statement.issuer !== trusted.issuer)
    return fail('revocations-issuer', `issued by ${statement.issuer}, not ${trusted.issuer}`);
  return ok(statement);
}

function keyId(crypto: Crypto, key: PublicKey): string {
  return toHex(crypto.hash('sha256', key.spki));
}

function readStatement(value: Readonly<Record<string, unknown>> | undefined): RevocationStatement | undefined {
  if (!value) return undefined;
  const { iss, number, at, serials, hosts, denyIssuedBefore, ...others } = value;
  const issuedAt = readTime(at);
  const deny = readTime(denyIssuedBefore);
  if (Object.keys(others).length > 0 || typeof iss !== 'string' || !issuedAt) return undefined;
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0) return undefined;
  if (!isTextList(serials) || !isTextList(hosts) || (denyIssuedBefore !== undefined && !deny)) return undefined;
  return { issuer: iss, number, at: issuedAt, serials, hosts, ...(deny ? { denyIssuedBefore: deny } : {}) };
}

function readTime(value: unknown): Date | undefined {
  if (typeof value !== 'string') return undefined;
  const time = new Date(value);
  return !Number.isNaN(time.getTime()) && time.toISOString() === value ? time : undefined;
}

function isTextList(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length <= MAX_ITEMS &&
    value.every((item) => typeof item === 'string' && item.length <= 64)
  );
}

function parseObject(base64Url: string): Readonly<Record<string, unknown>> | undefined {
  const bytes = fromBase64Url(base64Url);
  const text = bytes && fromUtf8(bytes);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
