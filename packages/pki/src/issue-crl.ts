import { concat, fromHex } from '@sekimori/bytes';
import { type Crypto, der, ecdsaToDer, signatureFamily } from '@sekimori/crypto-core';
import { expectOk } from '@sekimori/result';
import { type Crl, parseCrl } from './crl.ts';
import { REASONS, type RevokedEntry } from './crl-entries.ts';
import { authorityKeyIdentifier, extension, keyIdentifierOf } from './extension-writers.ts';
import { EXTENSION } from './oids.ts';
import type { CertificateAuthority } from './profiles.ts';
import { writeSignatureAlgorithm } from './signature-algorithms.ts';
import { writeTime } from './time.ts';

export interface CrlContent {
  /** Its certificate needs the usage `cRLSign`. */
  readonly issuer: CertificateAuthority;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** Higher than that of the CRL before. */
  readonly number: number | bigint;
  readonly revoked: readonly Pick<RevokedEntry, 'serial' | 'revokedAt' | 'reason'>[];
}

/** A complete CRL for the certificates of one issuer: version 2, with its number. RFC 5280 section 5. */
export async function issueCrl(crypto: Crypto, content: CrlContent): Promise<Crl> {
  const { issuer, thisUpdate, nextUpdate, number, revoked } = content;
  const { certificate, key } = issuer;
  if (certificate.extensions.keyUsage?.has('cRLSign') !== true)
    throw new Error('the issuer of a CRL needs the key usage cRLSign');
  if (!(thisUpdate.getTime() <= nextUpdate.getTime())) throw new RangeError('the next update would be before this one');
  const algorithm = writeSignatureAlgorithm(key.algorithm);
  const identifier = certificate.extensions.subjectKeyIdentifier ?? keyIdentifierOf(crypto, key.publicKey);
  const tbs = der.sequence(
    der.integer(1),
    algorithm,
    certificate.subject.der,
    writeTime(thisUpdate),
    writeTime(nextUpdate),
    ...(revoked.length > 0 ? [der.sequence(concat(...revoked.map(entry)))] : []),
    der.tagged(
      0,
      der.sequence(authorityKeyIdentifier(identifier), extension(EXTENSION.crlNumber, false, der.integer(number))),
    ),
  );
  const signature = await key.sign(tbs);
  const written = signatureFamily(key.algorithm) === 'ecdsa' ? ecdsaToDer(signature) : signature;
  return expectOk(parseCrl(der.sequence(tbs, algorithm, der.bitString(written))));
}

function entry({ serial, revokedAt, reason }: CrlContent['revoked'][number]): Uint8Array {
  const number = fromHex(serial);
  if (!number || number.length === 0) throw new RangeError(`'${serial}' is no serial number in hex`);
  const code = der.element(0x0a, Uint8Array.of(REASONS.indexOf(reason)));
  // RFC 5280 section 5.3.1: 'unspecified' is told by leaving it out
  const extensions = reason === 'unspecified' ? [] : [der.sequence(extension(EXTENSION.reasonCode, false, code))];
  return der.sequence(der.unsigned(number), writeTime(revokedAt), ...extensions);
}
