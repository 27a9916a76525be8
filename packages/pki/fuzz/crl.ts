import { nodeCrypto } from '@sekimori/crypto-core/node';
import { parseCrl } from '../src/index.ts';

/** Anything as a CRL; where it is one, all entries are read and each is found again by its serial number. */
export default function (bytes: Uint8Array): void {
  const read = parseCrl(bytes);
  if (!read.ok) return;
  const crl = read.value;
  let count = 0;
  for (const entry of crl.entries) {
    count++;
    const found = crl.entries.find({ serial: entry.serial, issuer: entry.certificateIssuer });
    if (found?.serial !== entry.serial) throw new Error(`the entry ${entry.serial} is not found`);
    if (count >= 64) break;
  }
  if (count !== Math.min(crl.entries.size, 64)) throw new Error('entries are lost');
  void [crl.issuer.text, nodeCrypto.hash('sha256', crl.tbs)];
}
