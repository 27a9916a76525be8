import { utf8 } from '@sekimori/bytes';
import { type Crypto, der, type PublicKey } from '@sekimori/crypto-core';
import { KEY_USAGES, type KeyUsage } from './extensions.ts';
import { ipBytes } from './ip.ts';
import { EXTENSION } from './oids.ts';

/** One Extension of RFC 5280 section 4.1, from what stands inside its OCTET STRING. */
export function extension(oid: string, critical: boolean, value: Uint8Array): Uint8Array<ArrayBuffer> {
  return der.sequence(der.oid(oid), ...(critical ? [der.boolean(true)] : []), der.octetString(value));
}

/** Critical. `pathLength` only for a CA. */
export function basicConstraints(ca: boolean, pathLength?: number): Uint8Array<ArrayBuffer> {
  if (!ca && pathLength !== undefined) throw new RangeError('only a CA has a path length');
  const value = der.sequence(
    ...(ca ? [der.boolean(true)] : []),
    ...(pathLength === undefined ? [] : [der.integer(pathLength)]),
  );
  return extension(EXTENSION.basicConstraints, true, value);
}

/** Critical. */
export function keyUsage(...usages: readonly [KeyUsage, ...KeyUsage[]]): Uint8Array<ArrayBuffer> {
  const numbers = usages.map((usage) => KEY_USAGES.indexOf(usage));
  const bytes = new Uint8Array(Math.max(...numbers) > 7 ? 2 : 1);
  for (const bit of numbers) bytes[bit >> 3]! |= 0x80 >> (bit & 7);
  // named bits: DER has no trailing zeros, X.690 section 11.2.2
  const unused = 7 - (Math.max(...numbers) & 7);
  return extension(EXTENSION.keyUsage, true, der.bitString(bytes, unused));
}

export function extendedKeyUsage(
  critical: boolean,
  ...purposes: readonly [string, ...string[]]
): Uint8Array<ArrayBuffer> {
  return extension(EXTENSION.extendedKeyUsage, critical, der.sequence(...purposes.map(der.oid)));
}

/** Names a TLS server answers to. A text that is neither a host name nor an address throws. */
export function subjectAlternativeName(names: {
  readonly dns: readonly string[];
  readonly ip: readonly string[];
}): Uint8Array<ArrayBuffer> {
  const dns = names.dns.map((name) => {
    if (name.length > 253 || !/^(\*\.)?([A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}$/.test(name))
      throw new RangeError(`'${name}' is not a host name`);
    return der.element(0x82, utf8(name));
  });
  const ip = names.ip.map((text) => {
    const bytes = ipBytes(text);
    if (!bytes) throw new RangeError(`'${text}' is not an IP address`);
    return der.element(0x87, bytes);
  });
  if (dns.length + ip.length === 0) throw new RangeError('a server has one name at least');
  return extension(EXTENSION.subjectAlternativeName, false, der.sequence(...dns, ...ip));
}

export function subjectKeyIdentifier(identifier: Uint8Array): Uint8Array<ArrayBuffer> {
  return extension(EXTENSION.subjectKeyIdentifier, false, der.octetString(identifier));
}

export function authorityKeyIdentifier(identifier: Uint8Array): Uint8Array<ArrayBuffer> {
  return extension(EXTENSION.authorityKeyIdentifier, false, der.sequence(der.element(0x80, identifier)));
}

/** RFC 7093 section 2, method 1: the first 160 bits of the SHA-256 of the key's BIT STRING. */
export function keyIdentifierOf(crypto: Crypto, key: PublicKey): Uint8Array {
  const parts = der.readDer(key.spki);
  const bits = parts.ok ? der.children(parts.value) : parts;
  const content = bits.ok && bits.value[1] ? der.bitsOf(bits.value[1]) : undefined;
  if (!content) throw new Error('a PublicKey without a SubjectPublicKeyInfo');
  return crypto.hash('sha256', content).subarray(0, 20);
}
