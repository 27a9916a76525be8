import { certificatesOfChain } from '../src/keys/endorsement-chain.ts';

/** The first byte says how the rest is spread over two indices. No more certificates come out than bytes went in. */
export default function fuzz(bytes: Uint8Array): void {
  const [first = 0] = bytes;
  const body = bytes.subarray(1);
  const cut = Math.floor((body.length * first) / 255);
  const parts = [body.subarray(0, cut), body.subarray(cut)].map((part, index) => ({ index, bytes: part }));
  const { certificates } = certificatesOfChain(parts);
  const total = certificates.reduce((sum, each) => sum + each.certificate.length, 0);
  if (total > body.length) throw new Error('certificates of more bytes than there were');
}
