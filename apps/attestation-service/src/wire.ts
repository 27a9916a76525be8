import { fromBase64Url, toBase64Url } from '@sekimori/bytes';
import type { HostStatus } from '@sekimori/protocol';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import type { HostRecord } from '@sekimori/store';

/** The schema has refused other characters; what is left to refuse is an impossible length or unused bits. */
export function readBytes(text: string, field: string): Result<Uint8Array, Fault<'malformed-request'>> {
  const bytes = fromBase64Url(text);
  return bytes ? ok(bytes) : fail('malformed-request', `${field} is not base64url`);
}

/** All fields, or the first that is not base64url. */
export function readFields<K extends string>(
  fields: Readonly<Record<K, string>>,
): Result<Readonly<Record<K, Uint8Array>>, Fault<'malformed-request'>> {
  const out: Partial<Record<K, Uint8Array>> = {};
  for (const [field, text] of Object.entries<string>(fields)) {
    const bytes = readBytes(text, field);
    if (!bytes.ok) return bytes;
    out[field as K] = bytes.value;
  }
  return ok(out as Record<K, Uint8Array>);
}

/** All texts of a list, or the first that is not base64url. */
export function readList(
  texts: readonly string[],
  field: string,
): Result<readonly Uint8Array[], Fault<'malformed-request'>> {
  const out: Uint8Array[] = [];
  for (const text of texts) {
    const bytes = readBytes(text, field);
    if (!bytes.ok) return bytes;
    out.push(bytes.value);
  }
  return ok(out);
}

export function hostStatus({ id, name, state, ekFingerprint }: HostRecord): HostStatus {
  return { id, name, state, ekFingerprint };
}

export { toBase64Url };
