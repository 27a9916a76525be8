/** Namespaces of MS-KPS section 2.2, of XML-DSig, and ours, for what MS-KPS leaves open. */
export const NAMESPACE = {
  kps: 'http://schemas.microsoft.com/kps/2014/07',
  dsig: 'http://www.w3.org/2000/09/xmldsig#',
  sekimori: 'urn:sekimori:sekimori-1',
} as const;

/** Algorithm identifiers: XML-DSig 1.1, XML-Enc 1.1 and RFC 9231; ours where none is registered. */
export const ALGORITHM = {
  ecdsaSha256: 'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256',
  rsaPssSha256: 'http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1',
  hmacSha256: 'http://www.w3.org/2001/04/xmldsig-more#hmac-sha256',
  hkdf: 'http://www.w3.org/2021/04/xmldsig-more#hkdf',
  sha256: 'http://www.w3.org/2001/04/xmlenc#sha256',
  envelopedSignature: 'http://www.w3.org/2000/09/xmldsig#enveloped-signature',
  /** AES-GCM with associated data, keyed by ECDH and HKDF: the one wrapping of profile sekimori-1. */
  wrapP256: 'urn:sekimori:sekimori-1#ecdh-es-p256-hkdf-sha256-aes256-gcm',
} as const;
