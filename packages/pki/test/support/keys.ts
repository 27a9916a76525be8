import type { KeySpec, SignatureAlgorithm, SigningKey } from '@sekimori/crypto-core';
import { der, ecdsaToDer, signatureAlgorithmFor, signatureFamily } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import {
  basicConstraints,
  type Certificate,
  issueCertificate,
  keyUsage,
  parseCertificate,
  randomSerial,
  writeName,
} from '../../src/index.ts';

export const day = (text: string) => new Date(`${text}T00:00:00Z`);

export async function signingKey(
  spec: KeySpec = { type: 'ec', curve: 'P-256' },
  algorithm?: SignatureAlgorithm,
): Promise<SigningKey> {
  const key = await nodeCrypto.generateKey(spec);
  const chosen = algorithm ?? signatureAlgorithmFor(key.publicKey);
  return { publicKey: key.publicKey, algorithm: chosen, sign: (data) => key.sign(chosen, data) };
}

export interface Made {
  readonly certificate: Certificate;
  readonly key: SigningKey;
}

export interface Wanted {
  readonly name?: string;
  /** DER, instead of `name`. */
  readonly subject?: Uint8Array;
  readonly issuer?: Made;
  readonly issuerName?: Uint8Array;
  readonly key?: SigningKey;
  readonly signedBy?: SigningKey;
  readonly from?: Date;
  readonly to?: Date;
  readonly extensions?: readonly Uint8Array[];
}

export const CA = [basicConstraints(true), keyUsage('keyCertSign')];

/** A certificate with any defect one likes; self-signed where no issuer is given. */
export async function make(wanted: Wanted): Promise<Made> {
  const key = wanted.key ?? (await signingKey());
  const subject = wanted.subject ?? writeName({ CN: wanted.name ?? 'someone' });
  const bytes = await issueCertificate(
    {
      serial: randomSerial(nodeCrypto),
      issuer: wanted.issuerName ?? wanted.issuer?.certificate.subject.der ?? subject,
      subject,
      notBefore: wanted.from ?? day('2026-01-01'),
      notAfter: wanted.to ?? day('2030-01-01'),
      publicKey: key.publicKey,
      extensions: wanted.extensions ?? CA,
    },
    wanted.signedBy ?? wanted.issuer?.key ?? key,
  );
  return { certificate: expectOk(parseCertificate(bytes)), key };
}

/** A 2048-bit modulus with the fingerprint of CVE-2017-15361: it is 1 modulo each small prime, which is a power of 65537. */
export function flawedModulus(): Uint8Array {
  const primes = Array.from({ length: 168 }, (_, n) => n).filter(
    (n) => n > 2 && Array.from({ length: n - 2 }, (_, i) => i + 2).every((d) => n % d !== 0),
  );
  const product = primes.reduce((value, prime) => value * BigInt(prime), 1n);
  const modulus = ((1n << 2047n) / product) * product + product + 1n;
  // odd, as an importer asks for it
  return Uint8Array.from((modulus % 2n === 0n ? modulus + product : modulus).toString(16).match(/../g)!, (pair) =>
    Number.parseInt(pair, 16),
  );
}

/** The same certificate with other elements in its tbsCertificate, signed again by its issuer's key. */
export async function changed(
  certificate: Certificate,
  signer: SigningKey,
  change: (elements: readonly Uint8Array[]) => readonly Uint8Array[],
): Promise<Certificate> {
  const elements = expectOk(der.children(expectOk(der.readDer(certificate.tbs)))).map(({ bytes }) => bytes);
  const tbs = der.sequence(...change(elements));
  const signature = await signer.sign(tbs);
  const written = signatureFamily(signer.algorithm) === 'ecdsa' ? ecdsaToDer(signature) : signature;
  const [, algorithm] = expectOk(der.children(expectOk(der.readDer(certificate.der))));
  return expectOk(parseCertificate(der.sequence(tbs, algorithm!.bytes, der.bitString(written))));
}
