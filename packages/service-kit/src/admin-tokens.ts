import { equalConstantTime, fromBase64Url, fromHex, toBase64Url, toHex, utf8 } from '@sekimori/bytes';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';

/** What a service keeps of a token. */
export interface AdminToken {
  /** Stands in logs and audit entries: 'administrator:NAME'. */
  readonly name: string;
  /** SHA-256 over the 32 bytes of the token, hex. */
  readonly sha256: string;
}

/** The name of the administrator whose token this is. */
export type Authenticate = (token: string) => string | undefined;

/** 32 random bytes; `token` is their base64url text as it is sent after `Bearer`, to be written once to a private file. */
export function createAdminToken(): { readonly token: Secret; readonly sha256: string } {
  const bytes = nodeCrypto.random(TOKEN_LENGTH);
  return { token: new Secret(utf8(toBase64Url(bytes))), sha256: toHex(nodeCrypto.hash('sha256', bytes)) };
}

/** Compares with every token, each in constant time. Throws for a hash that is none. */
export function adminTokens(tokens: readonly AdminToken[]): Authenticate {
  const known = tokens.map(({ name, sha256 }) => {
    const hash = fromHex(sha256);
    if (hash?.length !== 32) throw new Error(`the token hash of ${name} is not a SHA-256 in hex`);
    return { name, hash };
  });
  return (token) => {
    const bytes = fromBase64Url(token);
    if (bytes?.length !== TOKEN_LENGTH) return undefined;
    const hash = nodeCrypto.hash('sha256', bytes);
    return known.filter((candidate) => equalConstantTime(candidate.hash, hash))[0]?.name;
  };
}

const TOKEN_LENGTH = 32;
