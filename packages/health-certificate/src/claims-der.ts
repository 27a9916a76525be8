import { equal, fromHex, fromUtf8, toHex, utf8 } from '@sekimori/bytes';
import { der } from '@sekimori/crypto-core';
import { DerCursor, readingDer } from '@sekimori/pki';
import { type Fault, type Result, fail } from '@sekimori/result';
import { type Claims, type HostId, KEY_ISOLATIONS, LEVELS, MODES } from './claims.ts';

const VERSION = 1;
const HOST_NAME = 0x80;
const MAX_TEXT = 255;
const MAX_CLAIMS = 4096;
const SHA256 = 32;
/** A TPM Name: two bytes of algorithm id and a digest of SHA-256, SHA-384 or SHA-512. */
const NAME_LENGTHS = [34, 50, 66];
const U32 = 0xffffffff;
const MAX_VERSION = 2 ** 48 - 1;

/** The content of the claims extension; the README shows it in ASN.1. Throws a RangeError for values the form does not allow. */
export function writeClaims(claims: Claims): Uint8Array<ArrayBuffer> {
  const id = fromHex(claims.hostId.replaceAll('-', ''));
  if (id?.length !== 16) throw new RangeError('hostId is not a UUID');
  return der.sequence(
    der.integer(VERSION),
    der.octetString(id),
    ...(claims.hostName === undefined ? [] : [der.element(HOST_NAME, textBytes('hostName', claims.hostName))]),
    oneOf('mode', MODES, claims.mode),
    text('group', claims.group),
    oneOf('level', LEVELS, claims.level),
    oneOf('keyIsolation', KEY_ISOLATIONS, claims.keyIsolation),
    digest('ekHash', claims.ekHash, [SHA256]),
    digest('akName', claims.akName, NAME_LENGTHS),
    number('resetCount', claims.resetCount, U32),
    number('restartCount', claims.restartCount, U32),
    digest('policyDigest', claims.policyDigest, [SHA256]),
    number('policyVersion', claims.policyVersion, MAX_VERSION),
    der.element(der.TAG.generalizedTime, utf8(timeText(claims.evidenceTime))),
    text('audience', claims.audience),
    digest('cnf', claims.cnf, [SHA256]),
  );
}

/** Total, bounded, and one form only: bytes that are not what `writeClaims` makes of the value are refused. */
export function readClaims(bytes: Uint8Array): Result<Claims, Fault<'certificate-malformed'>> {
  if (bytes.length > MAX_CLAIMS)
    return fail('certificate-malformed', `claims of ${bytes.length} bytes, at most ${MAX_CLAIMS}`);
  const own = Uint8Array.from(bytes);
  const read = readingDer('certificate-malformed', () => readSequence(DerCursor.of(own, der.TAG.sequence, 'claims')));
  if (read.ok && !equal(writeClaims(read.value), own))
    return fail('certificate-malformed', 'the claims are not in their one form', { at: 'claims' });
  return read;
}

function readSequence(from: DerCursor): Claims {
  const version = from.number(U32, 'version');
  if (version !== VERSION) from.stop(`version ${version} of the claims; ${VERSION} is known`, 'version');
  const hostId = uuidText(readDigest(from, 'hostId', [16]));
  const hostName = from.sees(HOST_NAME) ? readText(from, 'hostName', HOST_NAME) : undefined;
  const claims: Claims = {
    hostId,
    ...(hostName !== undefined && { hostName }),
    mode: readOneOf(from, 'mode', MODES),
    group: readText(from, 'group'),
    level: readOneOf(from, 'level', LEVELS),
    keyIsolation: readOneOf(from, 'keyIsolation', KEY_ISOLATIONS),
    ekHash: readDigest(from, 'ekHash', [SHA256]),
    akName: readDigest(from, 'akName', NAME_LENGTHS),
    resetCount: from.number(U32, 'resetCount'),
    restartCount: from.number(U32, 'restartCount'),
    policyDigest: readDigest(from, 'policyDigest', [SHA256]),
    policyVersion: from.number(MAX_VERSION, 'policyVersion'),
    evidenceTime: readTime(from, 'evidenceTime'),
    audience: readText(from, 'audience'),
    cnf: readDigest(from, 'cnf', [SHA256]),
  };
  from.end();
  return claims;
}

function isText(value: string, length: number): boolean {
  return length >= 1 && length <= MAX_TEXT && !/\p{Cc}/u.test(value);
}

function textBytes(what: string, value: string): Uint8Array {
  const bytes = utf8(value);
  if (!isText(value, bytes.length)) throw new RangeError(`${what} needs 1 to ${MAX_TEXT} bytes, none of control`);
  return bytes;
}

function text(what: string, value: string): Uint8Array {
  return der.element(der.TAG.utf8String, textBytes(what, value));
}

function readText(from: DerCursor, what: string, tag: number = der.TAG.utf8String): string {
  const { content } = from.next(tag, what);
  const value = content.length <= MAX_TEXT ? fromUtf8(content) : undefined;
  return value !== undefined && isText(value, content.length) ? value : from.stop('not a text that is allowed', what);
}

function oneOf<T extends string>(what: string, names: readonly T[], value: T): Uint8Array {
  if (!names.includes(value)) throw new RangeError(`'${value}' is not a known ${what}`);
  return text(what, value);
}

function readOneOf<T extends string>(from: DerCursor, what: string, names: readonly T[]): T {
  const value = readText(from, what);
  return names.find((name) => name === value) ?? from.stop(`'${value}' is not known`, what);
}

function digest(what: string, bytes: Uint8Array, lengths: readonly number[]): Uint8Array {
  if (!lengths.includes(bytes.length)) throw new RangeError(`${what} has ${bytes.length} bytes`);
  return der.octetString(bytes);
}

function readDigest(from: DerCursor, what: string, lengths: readonly number[]): Uint8Array {
  const { content } = from.next(der.TAG.octetString, what);
  return lengths.includes(content.length) ? content : from.stop(`${content.length} bytes`, what);
}

function number(what: string, value: number, max: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0 || value > max) throw new RangeError(`${what} is ${value}`);
  return der.integer(value);
}

/** GeneralizedTime with the fraction DER allows: none when it is zero, no zeros at its end. X.690 section 11.7. */
function timeText(time: Date): string {
  const iso = time.toISOString();
  if (iso.length !== 24) throw new RangeError('evidenceTime is not in the years 0 to 9999');
  return iso.replaceAll(/[-:T]/g, '').replace(/\.?0+Z$/, 'Z');
}

function readTime(from: DerCursor, what: string): Date {
  const { content } = from.next(der.TAG.generalizedTime, what);
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d{1,3})?Z$/.exec(
    content.length <= 19 ? (fromUtf8(content) ?? '') : '',
  );
  if (!parts) return from.stop('not a GeneralizedTime of our form', what);
  const [, year, month, day, hour, minute, second, fraction = ''] = parts;
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}${fraction}Z`);
  // 24:00 on the last day is a time to Date, and one that cannot be written
  return time.getUTCFullYear() <= 9999 ? time : from.stop('not a time', what);
}

function uuidText(bytes: Uint8Array): HostId {
  return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') as HostId;
}
