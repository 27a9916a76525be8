import { readDerPrefix } from '@sekimori/crypto-core';
import { type Fault, type Result, fail, ok } from '@sekimori/result';

/** TCG_PCCLIENT_STORED_CERT: tag 0x1001, type 0 (a whole certificate), u16 length. PC Client 1.2 implementation section 7.3.2. */
const STORED_CERTIFICATE = [0x10, 0x01, 0x00];
/** TCG_FULL_CERT, which often stands before the certificate inside. */
const FULL_CERTIFICATE = [0x10, 0x02];

/**
 * The DER certificate inside what an NV index holds: without the TCG header that some vendors put before it and without the
 * padding after it (one byte repeated: 00, FF and 11 occur). Gives its DER bytes, for `parseCertificate`: the certificate itself is not
 * looked at.
 */
export function certificateFromNv(nv: Uint8Array): Result<Uint8Array, Fault<'certificate-malformed'>> {
  let body = nv;
  if (startsWith(body, STORED_CERTIFICATE)) {
    const [high, low] = [body[3], body[4]];
    if (high === undefined || low === undefined) return fail('certificate-malformed', 'the TCG header is cut off');
    const length = high * 256 + low;
    if (length > body.length - 5) return fail('certificate-malformed', `the TCG header tells ${length} bytes`);
    body = body.subarray(5, 5 + length);
    if (startsWith(body, FULL_CERTIFICATE)) body = body.subarray(FULL_CERTIFICATE.length);
  }
  const first = readDerPrefix(body);
  if (!first.ok) return fail('certificate-malformed', 'no certificate stands there', { cause: first.fault });
  const padding = body.subarray(first.value.bytes.length);
  if (padding.some((byte) => byte !== padding[0]))
    return fail('certificate-malformed', `${padding.length} bytes follow that are no padding`);
  return ok(first.value.bytes.slice());
}

function startsWith(bytes: Uint8Array, prefix: readonly number[]): boolean {
  return prefix.every((byte, i) => bytes[i] === byte);
}
