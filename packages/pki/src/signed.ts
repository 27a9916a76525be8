import { equal } from '@sekimori/bytes';
import { type Crypto, der, ecdsaFromDer, type PublicKey, signatureFamily } from '@sekimori/crypto-core';
import { DerCursor } from './asn1.ts';
import { type CertificateSignatureAlgorithm, readSignatureAlgorithm } from './signature-algorithms.ts';

/** What certificates and CRLs have in common. RFC 5280 sections 4.1.1 and 5.1.1. */
export interface Signed {
  /** The signed bytes, as received. */
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: CertificateSignatureAlgorithm;
  readonly signature: Uint8Array;
}

interface SignedReading extends Signed {
  /** Over the signed part. */
  readonly content: DerCursor;
  /** Reads the algorithm in the signed part, which must be the outer one again. */
  readonly repeatedAlgorithm: () => void;
}

/** SEQUENCE { what is signed, AlgorithmIdentifier, BIT STRING }, with the names of the first two for faults. Inside `readingDer` only. */
export function readSigned(bytes: Uint8Array, whole: string, part: string): SignedReading {
  const outer = DerCursor.of(bytes, der.TAG.sequence, whole);
  const signed = outer.next(der.TAG.sequence, part);
  const algorithm = outer.next(der.TAG.sequence, 'signatureAlgorithm');
  const signatureNode = outer.next(der.TAG.bitString, 'signatureValue');
  outer.end();
  const content = new DerCursor(signed.content, part);
  return {
    tbs: signed.bytes,
    signatureAlgorithm: readSignatureAlgorithm(new DerCursor(algorithm.content, `${whole}.signatureAlgorithm`)),
    signature: der.bitsOf(signatureNode) ?? outer.stop('a BIT STRING of whole bytes is due', 'signatureValue'),
    content,
    repeatedAlgorithm: () => {
      const inner = content.next(der.TAG.sequence, 'signature');
      if (!equal(inner.bytes, algorithm.bytes)) content.stop('the signed algorithm is not the outer one', 'signature');
    },
  };
}

/** False for a signature that does not hold, and for an algorithm that is not listed or does not fit the key. */
export function verifySignature(crypto: Crypto, signed: Signed, issuerKey: PublicKey): boolean {
  const { name } = signed.signatureAlgorithm;
  if (!name) return false;
  if (signatureFamily(name) !== 'ecdsa') return crypto.verify(issuerKey, name, signed.tbs, signed.signature);
  const raw = issuerKey.type === 'ec' ? ecdsaFromDer(signed.signature, issuerKey.curve) : undefined;
  return raw !== undefined && crypto.verify(issuerKey, name, signed.tbs, raw);
}
