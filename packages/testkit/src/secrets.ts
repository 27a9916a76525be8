import { fromUtf8, toBase64, toBase64Url, toHex } from '@sekimori/bytes';
import type { Secret } from '@sekimori/crypto-core';

/** Whether the secret stands in the text, in any of the usual spellings: as it is, hex, base64, base64url. */
export function showsSecret(text: string, secret: Secret): boolean {
  return secret.use((bytes) =>
    [fromUtf8(bytes), toHex(bytes), toBase64(bytes), toBase64Url(bytes)].some(
      (spelling) => spelling !== undefined && text.toLowerCase().includes(spelling.toLowerCase()),
    ),
  );
}
