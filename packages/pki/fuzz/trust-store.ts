import { nodeCrypto } from '@sekimori/crypto-core/node';
import { TrustStore } from '../src/index.ts';

/** Anything as a file for a trust store, as bytes and as text: each certificate in it is an entry or a finding. */
export default function (bytes: Uint8Array): void {
  const store = new TrustStore(nodeCrypto);
  const at = new Date('2026-01-01');
  const first = store.add(bytes, { provenance: 'bytes', at });
  const second = store.add(new TextDecoder('latin1').decode(bytes), { provenance: 'text', vendor: 'IFX', at });
  if (first.length + second.length !== store.findings.length) throw new Error('findings are lost');
  for (const { certificate, kind } of store.entries) {
    if (kind === 'root' && !store.roots.includes(certificate)) throw new Error('a root is lost');
    store.issuersOf(certificate);
    store.manufacturersOf(certificate);
  }
}
