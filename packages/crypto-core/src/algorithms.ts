/** Hashes by name, with their length in bytes. SHA-1 is here to read old evidence; policy refuses it. */
export const HASHES = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 } as const;
/** The name of a hash: of FIPS 180-4. */
export type HashName = keyof typeof HASHES;

/** NIST curves (FIPS 186-5), with the width of a coordinate in bytes. */
export const CURVES = { 'P-256': 32, 'P-384': 48, 'P-521': 66 } as const;
/** The name of a curve, as FIPS 186-5 and RFC 7518 write it. */
export type CurveName = keyof typeof CURVES;

/** How a signature is made: FIPS 186-5 section 6; RFC 8017 sections 8.2 (`rsassa`) and 8.1 (`rsapss`). */
export type SignatureFamily = 'ecdsa' | 'rsassa' | 'rsapss';
/** `ecdsa-sha256`: raw r||s of curve width. `rsassa-…`: PKCS#1 v1.5. `rsapss-…`: MGF1 with the same hash, any salt length. */
export type SignatureAlgorithm = `${SignatureFamily}-${HashName}`;

/** Bytes of a digest. */
export function hashLength(name: HashName): number {
  return HASHES[name];
}

/** Bytes of a coordinate, and of each half of a signature: 66 on P-521. */
export function curveWidth(curve: CurveName): number {
  return CURVES[curve];
}

/** The hash that an algorithm signs: `sha384` of `rsapss-sha384`. */
export function hashOf(algorithm: SignatureAlgorithm): HashName {
  return algorithm.slice(algorithm.indexOf('-') + 1) as HashName;
}

/** What stands before the hash: `rsapss` of `rsapss-sha384`. */
export function signatureFamily(algorithm: SignatureAlgorithm): SignatureFamily {
  return algorithm.slice(0, algorithm.indexOf('-')) as SignatureFamily;
}

/** Whether a key of this type can be used with the algorithm. */
export function fitsKey(type: 'ec' | 'rsa', algorithm: SignatureAlgorithm): boolean {
  return (signatureFamily(algorithm) === 'ecdsa') === (type === 'ec');
}

/** What a new key of this kind signs with. */
export function signatureAlgorithmFor(
  key: { readonly type: 'ec'; readonly curve: CurveName } | { readonly type: 'rsa' },
): SignatureAlgorithm {
  if (key.type === 'rsa') return 'rsapss-sha256';
  return ({ 'P-256': 'ecdsa-sha256', 'P-384': 'ecdsa-sha384', 'P-521': 'ecdsa-sha512' } as const)[key.curve];
}
