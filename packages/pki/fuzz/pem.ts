import { certificatesFromPem, readPem } from '../src/index.ts';

export default function (bytes: Uint8Array): void {
  const text = new TextDecoder().decode(bytes);
  readPem(text);
  certificatesFromPem(text);
}
