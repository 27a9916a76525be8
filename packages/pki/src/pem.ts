import { fromBase64, toBase64 } from '@sekimori/bytes';
import { type Failed, type Fault, type Result, fail, ok } from '@sekimori/result';
import { type Certificate, parseCertificate } from './certificate.ts';

export interface PemBlock {
  /** 'CERTIFICATE', 'PRIVATE KEY' … */
  readonly label: string;
  readonly der: Uint8Array;
}

const MAX_PEM_CHARACTERS = 4 * 1024 * 1024;
const MAX_BLOCKS = 2048;
const BOUNDARY = /^-----(BEGIN|END) ([A-Z0-9](?:[A-Z0-9 ]{0,62}[A-Z0-9])?)-----$/;

/**
 * RFC 7468, strictly: padded base64 in lines of at most 76 characters, no headers, no blank lines inside a block. Text
 * outside the blocks is let pass, as bundles have it. A text without any block is a fault.
 */
export function readPem(text: string): Result<readonly PemBlock[], Fault<'pem-malformed'>> {
  if (text.length > MAX_PEM_CHARACTERS)
    return fail('pem-malformed', `${text.length} characters, at most ${MAX_PEM_CHARACTERS}`);
  const blocks: PemBlock[] = [];
  let label: string | undefined;
  let body: string[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const at = `line ${index + 1}`;
    const trimmed = line.trimEnd();
    const boundary = trimmed.startsWith('-----') ? BOUNDARY.exec(trimmed) : null;
    if (label === undefined) {
      if (trimmed.startsWith('-----') && boundary?.[1] !== 'BEGIN')
        return fail('pem-malformed', 'a BEGIN line is due', { at });
      label = boundary?.[2];
    } else if (boundary) {
      if (boundary[1] !== 'END' || boundary[2] !== label) return fail('pem-malformed', `'END ${label}' is due`, { at });
      const bytes = fromBase64(body.join(''));
      if (!bytes || bytes.length === 0) return fail('pem-malformed', `the ${label} is not padded base64`, { at });
      blocks.push({ label, der: bytes });
      if (blocks.length > MAX_BLOCKS) return fail('pem-malformed', `more than ${MAX_BLOCKS} blocks`, { at });
      label = undefined;
      body = [];
    } else {
      if (trimmed.length === 0 || trimmed.length > 76)
        return fail('pem-malformed', 'a line of 1 to 76 characters is due', { at });
      body.push(trimmed);
    }
  }
  if (label !== undefined) return fail('pem-malformed', `the ${label} has no end`);
  if (blocks.length === 0) return fail('pem-malformed', 'there is no PEM block');
  return ok(blocks);
}

/**
 * The blocks of a text one by one, so that a broken one does not take the others with it: each as `readPem` reads it alone. The fault
 * is for a text that is too long, or has no block.
 */
export function scanPem(
  text: string,
): Result<readonly Result<PemBlock, Fault<'pem-malformed'>>[], Fault<'pem-malformed'>> {
  if (text.length > MAX_PEM_CHARACTERS)
    return fail('pem-malformed', `${text.length} characters, at most ${MAX_PEM_CHARACTERS}`);
  const blocks: Result<PemBlock, Fault<'pem-malformed'>>[] = [];
  let lines: string[] | undefined;
  const close = () => {
    const read = lines && readPem(lines.join('\n'));
    const [block] = read?.ok ? read.value : [];
    if (read) blocks.push(block ? ok(block) : (read as Failed<Fault<'pem-malformed'>>));
    lines = undefined;
  };
  for (const line of text.split(/\r?\n/)) {
    const isEdge = line.startsWith('-----');
    // one that begins before the last one ended
    if (isEdge && line.startsWith('-----BEGIN')) close();
    if (isEdge) lines ??= [];
    lines?.push(line);
    if (isEdge && !line.startsWith('-----BEGIN')) close();
    if (blocks.length > MAX_BLOCKS) return fail('pem-malformed', `more than ${MAX_BLOCKS} blocks`);
  }
  close();
  return blocks.length === 0 ? fail('pem-malformed', 'there is no PEM block') : ok(blocks);
}

export function writePem(label: string, bytes: Uint8Array): string {
  const lines = toBase64(bytes).match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}

/** All certificates of a PEM text; any other block in it is a fault, so that a key put there by mistake is noticed. */
export function certificatesFromPem(
  text: string,
): Result<readonly Certificate[], Fault<'pem-malformed' | 'certificate-malformed'>> {
  const blocks = readPem(text);
  if (!blocks.ok) return blocks;
  const certificates: Certificate[] = [];
  for (const [index, block] of blocks.value.entries()) {
    const at = `block ${index + 1}`;
    if (block.label !== 'CERTIFICATE') return fail('pem-malformed', `a ${block.label} among certificates`, { at });
    const certificate = parseCertificate(block.der);
    if (!certificate.ok) return fail('certificate-malformed', 'not a certificate', { at, cause: certificate.fault });
    certificates.push(certificate.value);
  }
  return ok(certificates);
}
