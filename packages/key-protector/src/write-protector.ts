import { utf8 } from '@sekimori/bytes';
import { NAMESPACE } from './uris.ts';
import { base64Markup, markup } from './xml/write.ts';

/** What is written of an algorithm's use; `parameters` is the markup inside Parameters. */
export interface WrittenUse {
  readonly algorithm: string;
  readonly parameters?: string;
}

export interface WrittenSignature extends WrittenUse {
  readonly value: Uint8Array;
}

export interface WrittenWrapping {
  readonly id: number;
  readonly signingCertificate: Uint8Array;
  readonly parentId: number;
  readonly signingCertificateSignature: WrittenSignature;
  readonly encryptionCertificate: Uint8Array;
  readonly encryptionCertificateSignature: WrittenSignature;
  readonly transportKey: WrittenUse & { readonly cipherValue: Uint8Array };
}

/**
 * The Wrappings in one line, without the namespace that stands on the Protector. Their exclusive canonical form differs by
 * nothing but that declaration, so it is made here once and never parsed again.
 */
export function writeWrappings(wrappings: readonly WrittenWrapping[]): {
  readonly content: string;
  readonly signedOctets: Uint8Array;
} {
  const content = wrappings.map(wrappingMarkup).join('');
  return { content, signedOctets: utf8(markup('Wrappings', { xmlns: NAMESPACE.kps }, content)) };
}

/** The Protector document of MS-KPS section 6.1: UTF-8, one line, default namespace; MaxOfflineUnwraps 0. */
export function writeProtector(parts: {
  readonly wrappings: string;
  readonly keyDerivation: WrittenUse;
  readonly transportKeySignature: WrittenSignature;
  readonly guardianWrappingId: number;
  readonly guardianSignature: WrittenSignature;
}): Uint8Array<ArrayBuffer> {
  const protector = markup(
    'Protector',
    { xmlns: NAMESPACE.kps, MaxOfflineUnwraps: 0 },
    markup('Wrappings', {}, parts.wrappings),
    markup(
      'TransportKeySignature',
      {},
      useMarkup('KeyDerivationMethod', parts.keyDerivation),
      signatureMarkup('Signature', parts.transportKeySignature),
    ),
    markup(
      'GuardianSignature',
      { WrappingId: parts.guardianWrappingId },
      signatureMarkup('Signature', parts.guardianSignature),
    ),
  );
  return utf8(XML_DECLARATION + protector);
}

export const XML_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>';

export function signatureMarkup(name: string, signature: WrittenSignature): string {
  return useMarkup(name, signature, base64Markup('SignatureValue', signature.value));
}

function wrappingMarkup(wrapping: WrittenWrapping): string {
  return markup(
    'Wrapping',
    {},
    markup('Id', {}, String(wrapping.id)),
    base64Markup('SigningCertificate', wrapping.signingCertificate),
    markup(
      'SigningCertificateSignature',
      { ParentWrappingId: wrapping.parentId },
      signatureMarkup('Signature', wrapping.signingCertificateSignature),
    ),
    base64Markup('EncryptionCertificate', wrapping.encryptionCertificate),
    markup('EncryptionCertificateSignature', {}, signatureMarkup('Signature', wrapping.encryptionCertificateSignature)),
    markup(
      'TransportKey',
      {},
      useMarkup('EncryptedData', wrapping.transportKey, base64Markup('CipherValue', wrapping.transportKey.cipherValue)),
    ),
  );
}

function useMarkup(name: string, use: WrittenUse, ...content: string[]): string {
  const parameters = use.parameters === undefined ? '' : markup('Parameters', {}, use.parameters);
  return markup(name, { Algorithm: use.algorithm }, parameters, ...content);
}
