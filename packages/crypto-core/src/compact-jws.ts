import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from '@sekimori/bytes';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import type { Crypto } from './crypto.ts';
import type { PublicKey } from './public-key.ts';

/**
 * JWS compact serialization (RFC 7515 section 7.1) with ES256 and a header of exactly alg, typ and kid. `sign` gives r || s of ECDSA on
 * P-256 with SHA-256.
 */
export async function signCompactJws(
  head: { readonly typ: string; readonly kid: string },
  payload: object,
  sign: (data: Uint8Array) => Promise<Uint8Array>,
): Promise<string> {
  const signed = `${part({ alg: 'ES256', ...head })}.${part(payload)}`;
  return `${signed}.${toBase64Url(await sign(utf8(signed)))}`;
}

/** What `verifyCompactJws` refuses with; the codes are explained there. */
export type JwsFault = Fault<'jws-malformed' | 'jws-key' | 'jws-signature'>;

/**
 * The payload of what `signCompactJws` made, read no sooner than its signature holds. `jws-malformed`: not compact, another header, a payload
 * that is no JSON object; `jws-key`: `keyOf` has no key for its `kid`; `jws-signature`.
 */
export function verifyCompactJws(
  crypto: Pick<Crypto, 'verify'>,
  jws: string,
  expected: {
    readonly typ: string;
    /** In characters. */
    readonly maxLength: number;
    readonly keyOf: (kid: unknown) => PublicKey | undefined;
  },
): Result<Readonly<Record<string, unknown>>, JwsFault> {
  const [header, payload, signature, ...others] = jws.length <= expected.maxLength ? jws.split('.', 4) : [];
  if (!header || !payload || !signature || others.length > 0) return fail('jws-malformed', 'not a compact JWS');
  const signatureBytes = fromBase64Url(signature);
  if (!signatureBytes) return fail('jws-malformed', 'its signature is not base64url');
  const head = objectIn(header);
  if (head?.['alg'] !== 'ES256' || head['typ'] !== expected.typ || Object.keys(head).length !== 3)
    return fail('jws-malformed', `the header is not that of ${expected.typ}`);
  const key = expected.keyOf(head['kid']);
  if (!key) return fail('jws-key', 'signed by a key that is not trusted here');
  if (!crypto.verify(key, 'ecdsa-sha256', utf8(`${header}.${payload}`), signatureBytes))
    return fail('jws-signature', 'the signature does not hold');
  const value = objectIn(payload);
  return value ? ok(value) : fail('jws-malformed', 'the payload is not a JSON object');
}

function part(value: object): string {
  return toBase64Url(utf8(JSON.stringify(value)));
}

function objectIn(base64Url: string): Readonly<Record<string, unknown>> | undefined {
  const bytes = fromBase64Url(base64Url);
  const text = bytes && fromUtf8(bytes);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
