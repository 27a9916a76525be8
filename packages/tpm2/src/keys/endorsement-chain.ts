import { concat } from '@sekimori/bytes';
import { certificateFromNv, MAX_CERTIFICATE_BYTES, parseCertificate } from '@sekimori/pki';
import { type Fault, fail } from '@sekimori/result';

interface Part {
  readonly index: number;
  readonly bytes: Uint8Array;
}
/** DER, and the index that it begins in. */
interface Stored {
  readonly index: number;
  readonly certificate: Uint8Array;
}
type Problem = { readonly index: number; readonly fault: Fault<'endorsement-certificate'> };

/** An index with more of them holds no chain: its rest is not looked at. */
const MOST_PROBLEMS = 8;
const NONE = new Uint8Array(0);
const SEQUENCE = 0x30;
/** TCG_PCCLIENT_STORED_CERT, of 5 bytes. PC Client 1.2 implementation section 7.3.2. */
const STORED_CERTIFICATE = 0x10;
const STORED_HEADER = 5;
const PADDING: readonly number[] = [0x00, 0xff];

/**
 * The certificates in the indices of a chain, in order. An index may hold one or several, with a TCG header and padding; a certificate
 * may begin in one index and end in the next, as the chain is the content of all of them.
 */
export function certificatesOfChain(parts: readonly Part[]): {
  readonly certificates: readonly Stored[];
  readonly problems: readonly Problem[];
} {
  const certificates: Stored[] = [];
  const problems: Problem[] = [];
  const refuse = (index: number, detail: string, cause?: Fault) =>
    problems.push({ index, fault: fail('endorsement-certificate', detail, { ...(cause && { cause }) }).fault });
  /** The beginning of a certificate that its index broke off. */
  let begun: Part = { index: 0, bytes: NONE };
  for (const { index, bytes } of parts) {
    let left: Uint8Array = concat(begun.bytes, bytes);
    if (begun.bytes.length > 0 && !beginsWithCertificate(left) && beginsWithCertificate(bytes)) {
      refuse(begun.index, 'a certificate that is cut off');
      begun = { index, bytes: NONE };
      left = bytes;
    }
    let start = begun.bytes.length > 0 ? begun.index : index;
    begun = { index, bytes: NONE };
    const before = problems.length;
    for (left = withoutPadding(left); left.length > 0; left = withoutPadding(left)) {
      if (problems.length - before === MOST_PROBLEMS) {
        refuse(index, `${left.length} bytes after so much that is no certificate`);
        break;
      }
      const length = lengthOf(left);
      if (length === undefined) {
        refuse(index, `${left.length} bytes that are no certificate`);
        break;
      }
      if (length > left.length) {
        begun = { index: start, bytes: left };
        break;
      }
      const found = certificateFromNv(left.subarray(0, length));
      const parsed = found.ok ? parseCertificate(found.value) : found;
      if (found.ok && parsed.ok) certificates.push({ index: start, certificate: found.value });
      else if (!parsed.ok) refuse(start, parsed.fault.detail, parsed.fault);
      left = left.subarray(length);
      start = index;
    }
  }
  if (begun.bytes.length > 0) refuse(begun.index, 'a certificate that is cut off');
  return { certificates, problems };
}

function beginsWithCertificate(bytes: Uint8Array): boolean {
  const left = withoutPadding(bytes);
  const length = lengthOf(left);
  const found = length === undefined || length > left.length ? undefined : certificateFromNv(left.subarray(0, length));
  return found?.ok === true && parseCertificate(found.value).ok;
}

function withoutPadding(bytes: Uint8Array): Uint8Array {
  const start = bytes.findIndex((byte) => !PADDING.includes(byte));
  return start === -1 ? NONE : bytes.subarray(start);
}

/** Of what begins here, header included; more than there is when it is cut off. Undefined when no certificate begins here. */
function lengthOf(bytes: Uint8Array): number | undefined {
  const [first, second = 0] = bytes;
  if (first === STORED_CERTIFICATE) {
    if (bytes.length < STORED_HEADER) return STORED_HEADER;
    return STORED_HEADER + bytes[3]! * 256 + bytes[4]!;
  }
  if (first !== SEQUENCE) return undefined;
  if (second < 0x80) return 2 + second;
  const count = second & 0x7f;
  if (count === 0 || count > 3) return undefined;
  if (bytes.length < 2 + count) return 2 + count;
  const length = bytes.subarray(2, 2 + count).reduce((sum, byte) => sum * 256 + byte, 0);
  return length > MAX_CERTIFICATE_BYTES ? undefined : 2 + count + length;
}
