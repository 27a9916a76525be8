import { fromHex, utf8 } from '@sekimori/bytes';
import { der, ecdsaToDer, signatureFamily, type SigningKey } from '@sekimori/crypto-core';
import { expectOk } from '@sekimori/result';
import { type Crl, EXTENSION, extension, parseCrl } from '../../src/index.ts';
import { writeSignatureAlgorithm } from '../../src/signature-algorithms.ts';
import { writeTime } from '../../src/time.ts';
import { day } from './keys.ts';

interface WantedEntry {
  readonly serial: string;
  readonly at?: Date;
  /** CRLReason by number. */
  readonly reason?: number;
  /** certificateIssuer, a name in DER. */
  readonly issuer?: Uint8Array;
  readonly extensions?: readonly Uint8Array[];
}

export interface WantedCrl {
  /** A name in DER. */
  readonly issuer: Uint8Array;
  readonly key: SigningKey;
  readonly entries?: readonly WantedEntry[];
  readonly from?: Date;
  /** Null: no nextUpdate. */
  readonly to?: Date | null;
  readonly extensions?: readonly Uint8Array[];
  readonly version?: 1 | 2;
}

/** Which the product does not write. */
const RSASSA_SHA1 = der.sequence(der.oid('1.2.840.113549.1.1.5'), der.nothing());

/** A CRL with any defect one likes, RFC 5280 section 5.1. */
export async function writeCrl(wanted: WantedCrl): Promise<Uint8Array> {
  const { key, version = 2, entries = [], extensions = [], to = day('2028-01-01') } = wanted;
  const algorithm = key.algorithm === 'rsassa-sha1' ? RSASSA_SHA1 : writeSignatureAlgorithm(key.algorithm);
  const tbs = der.sequence(
    ...(version === 2 ? [der.integer(1)] : []),
    algorithm,
    wanted.issuer,
    writeTime(wanted.from ?? day('2026-12-01')),
    ...(to ? [writeTime(to)] : []),
    ...(entries.length > 0 ? [der.sequence(...entries.map(writeEntry))] : []),
    ...(extensions.length > 0 ? [der.tagged(0, der.sequence(...extensions))] : []),
  );
  const signature = await key.sign(tbs);
  const written = signatureFamily(key.algorithm) === 'ecdsa' ? ecdsaToDer(signature) : signature;
  return der.sequence(tbs, algorithm, der.bitString(written));
}

export async function makeCrl(wanted: WantedCrl): Promise<Crl> {
  return expectOk(parseCrl(await writeCrl(wanted)));
}

function writeEntry({ serial, at, reason, issuer, extensions = [] }: WantedEntry): Uint8Array {
  const own = [
    ...(reason === undefined ? [] : [extension(EXTENSION.reasonCode, false, der.element(0x0a, Uint8Array.of(reason)))]),
    ...(issuer ? [certificateIssuer(issuer)] : []),
    ...extensions,
  ];
  return der.sequence(
    der.unsigned(fromHex(serial) as Uint8Array),
    writeTime(at ?? day('2026-11-01')),
    ...(own.length > 0 ? [der.sequence(...own)] : []),
  );
}

export const certificateIssuer = (name: Uint8Array) =>
  extension(EXTENSION.certificateIssuer, true, der.sequence(der.tagged(4, name)));

const uri = (text: string) => der.element(0x86, utf8(text));

/** DistributionPointName, a full name. */
const pointName = (address: string) => der.tagged(0, der.tagged(0, uri(address)));

/** What an issuingDistributionPoint may hold, in its order. */
export function issuingDistributionPoint(parts: {
  readonly address?: string;
  readonly user?: boolean;
  readonly ca?: boolean;
  /** Content of the BIT STRING. */
  readonly reasons?: Uint8Array;
  readonly indirect?: boolean;
  readonly attribute?: boolean;
}): Uint8Array {
  const flag = (tag: number, value: boolean | undefined) =>
    value === undefined ? [] : [der.element(tag, Uint8Array.of(value ? 0xff : 0))];
  return extension(
    EXTENSION.issuingDistributionPoint,
    true,
    der.sequence(
      ...(parts.address === undefined ? [] : [pointName(parts.address)]),
      ...flag(0x81, parts.user),
      ...flag(0x82, parts.ca),
      ...(parts.reasons ? [der.element(0x83, parts.reasons)] : []),
      ...flag(0x84, parts.indirect),
      ...flag(0x85, parts.attribute),
    ),
  );
}

/** crlDistributionPoints with one point. */
export function distributionPoint(parts: {
  readonly address?: string;
  readonly reasons?: Uint8Array;
  /** A name in DER. */
  readonly crlIssuer?: Uint8Array;
}): Uint8Array {
  const point = der.sequence(
    ...(parts.address === undefined ? [] : [pointName(parts.address)]),
    ...(parts.reasons ? [der.element(0x81, parts.reasons)] : []),
    ...(parts.crlIssuer ? [der.tagged(2, der.tagged(4, parts.crlIssuer))] : []),
  );
  return extension(EXTENSION.crlDistributionPoints, false, der.sequence(point));
}
