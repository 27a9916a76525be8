import { certificateFromNv, parseCertificate, tpmIdentityOf } from '../src/index.ts';

/** Anything: as a certificate, and as what an NV index holds. */
export default function (bytes: Uint8Array): void {
  for (const read of [parseCertificate(bytes), parseNv(bytes)]) {
    if (!read.ok) continue;
    void [read.value.subject.text, read.value.issuer.text, tpmIdentityOf(read.value)];
    read.value.subject.matches(read.value.issuer);
  }
}

function parseNv(bytes: Uint8Array): ReturnType<typeof parseCertificate> {
  const certificate = certificateFromNv(bytes);
  return certificate.ok ? parseCertificate(certificate.value) : certificate;
}
