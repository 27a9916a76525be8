import { canonicalize, parseXml } from '../src/index.ts';

/** Total, and canonical forms are stable: what is read again from a canonical form is that form. */
export default function fuzz(bytes: Uint8Array): void {
  const document = parseXml(bytes);
  if (!document.ok) return;
  const canonical = canonicalize(document.value);
  const again = parseXml(canonical);
  // a canonical form may be longer than what is read, never anything else
  if (!again.ok) {
    if (again.fault.code === 'xml-limit') return;
    throw new Error('the canonical form is not read');
  }
  if (new TextDecoder().decode(canonicalize(again.value)) !== new TextDecoder().decode(canonical))
    throw new Error('the canonical form is not stable');
}
