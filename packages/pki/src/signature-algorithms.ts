import {
  der,
  type HashName,
  hashLength,
  type SignatureAlgorithm,
  signatureFamily,
  hashOf,
} from '@sekimori/crypto-core';
import { DerCursor } from './asn1.ts';

export interface CertificateSignatureAlgorithm {
  readonly oid: string;
  /** Undefined: none of ours, so nothing it signed is believed. */
  readonly name: SignatureAlgorithm | undefined;
  /** SHA-1: read, so that old certificates can be shown, and refused by path validation. */
  readonly weak: boolean;
}

/** RFC 8017 appendix C, RFC 5758. RSASSA-PSS names its hash in parameters instead. */
const OIDS: Readonly<Record<string, SignatureAlgorithm>> = {
  '1.2.840.113549.1.1.5': 'rsassa-sha1',
  '1.2.840.113549.1.1.11': 'rsassa-sha256',
  '1.2.840.113549.1.1.12': 'rsassa-sha384',
  '1.2.840.113549.1.1.13': 'rsassa-sha512',
  '1.2.840.10045.4.1': 'ecdsa-sha1',
  '1.2.840.10045.4.3.2': 'ecdsa-sha256',
  '1.2.840.10045.4.3.3': 'ecdsa-sha384',
  '1.2.840.10045.4.3.4': 'ecdsa-sha512',
};
const RSASSA_PSS = '1.2.840.113549.1.1.10';
const MGF1 = '1.2.840.113549.1.1.8';
const HASH_OIDS: Readonly<Record<string, HashName>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

/** AlgorithmIdentifier. Inside `readingDer` only. */
export function readSignatureAlgorithm(algorithm: DerCursor): CertificateSignatureAlgorithm {
  const oid = algorithm.oid('algorithm');
  if (oid === RSASSA_PSS) {
    const hash = algorithm.done ? undefined : pssHash(algorithm.inside(der.TAG.sequence, 'parameters'));
    algorithm.end();
    return { oid, name: hash && `rsapss-${hash}`, weak: false };
  }
  const name = Object.hasOwn(OIDS, oid) ? OIDS[oid] : undefined;
  // parameters are absent for ECDSA and NULL for PKCS#1; RFC 4055 section 5 lets readers accept both
  if (name && algorithm.optional(der.TAG.null, 'parameters')?.content.length) algorithm.stop('a NULL with content');
  if (name) algorithm.end();
  return { oid, name, weak: name !== undefined && hashOf(name) === 'sha1' };
}

export function writeSignatureAlgorithm(name: SignatureAlgorithm): Uint8Array<ArrayBuffer> {
  const hash = hashOf(name);
  if (signatureFamily(name) === 'rsapss') {
    const digest = der.sequence(der.oid(keyOf(HASH_OIDS, hash)), der.nothing());
    return der.sequence(
      der.oid(RSASSA_PSS),
      der.sequence(
        der.tagged(0, digest),
        der.tagged(1, der.sequence(der.oid(MGF1), digest)),
        der.tagged(2, der.integer(hashLength(hash))),
      ),
    );
  }
  if (hash === 'sha1') throw new RangeError('nothing new is signed with SHA-1');
  const oid = der.oid(keyOf(OIDS, name));
  return signatureFamily(name) === 'rsassa' ? der.sequence(oid, der.nothing()) : der.sequence(oid);
}

/** RSASSA-PSS-params, RFC 4055 section 3.1: the same listed hash for message and mask, or undefined. */
function pssHash(parameters: DerCursor): HashName | undefined {
  const hash = parameters.sees(0xa0) ? hashIn(parameters.inside(0xa0, 'hash')) : undefined;
  let maskHash: HashName | undefined;
  if (parameters.sees(0xa1)) {
    const mask = parameters.inside(0xa1, 'mask').inside(der.TAG.sequence, 'algorithm');
    maskHash = mask.oid('algorithm') === MGF1 ? hashIn(mask) : undefined;
  }
  if (parameters.sees(0xa2)) parameters.inside(0xa2, 'salt').number(512, 'length');
  if (parameters.sees(0xa3)) parameters.inside(0xa3, 'trailer').number(1, 'field');
  parameters.end();
  return hash === maskHash ? hash : undefined;
}

function hashIn(from: DerCursor): HashName | undefined {
  const algorithm = from.inside(der.TAG.sequence, 'hash');
  const oid = algorithm.oid('algorithm');
  return Object.hasOwn(HASH_OIDS, oid) ? HASH_OIDS[oid] : undefined;
}

function keyOf<T>(table: Readonly<Record<string, T>>, value: T): string {
  const found = Object.keys(table).find((key) => table[key] === value);
  if (found === undefined) throw new RangeError(`${String(value)} has no object identifier here`);
  return found;
}
