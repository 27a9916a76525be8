import { concat, utf8 } from '@sekimori/bytes';
import { der, type PrivateKey, signingKeyOf } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { type Certificate, issueCertificate, parseCertificate, randomSerial, writeName } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';

// Small PE images as a linker would write them, and signatures as sbsign makes them. Written apart from what reads them.

export type Section = readonly [name: string, content: Uint8Array | string];

const [PE_AT, OPTIONAL_BYTES, ALIGNMENT] = [0x80, 240, 512];
const OPTIONAL_AT = PE_AT + 24;
const CHECKSUM_AT = OPTIONAL_AT + 64;
const SECURITY_AT = OPTIONAL_AT + 112 + 4 * 8;

/** PE32+ for x64, one raw section after the other. */
export function peImage(sections: readonly Section[]): Uint8Array {
  const tableAt = OPTIONAL_AT + OPTIONAL_BYTES;
  const headerSize = aligned(tableAt + 40 * sections.length);
  const contents = sections.map(([, content]) => (typeof content === 'string' ? utf8(content) : content));
  const image = new Uint8Array(contents.reduce((sum, { length }) => sum + aligned(length), headerSize));
  const view = new DataView(image.buffer);
  image.set(utf8('MZ'));
  view.setUint32(60, PE_AT, true);
  view.setUint32(PE_AT, 0x4550, true);
  view.setUint16(PE_AT + 4, 0x8664, true);
  view.setUint16(PE_AT + 6, sections.length, true);
  view.setUint16(PE_AT + 20, OPTIONAL_BYTES, true);
  view.setUint16(OPTIONAL_AT, 0x20b, true);
  view.setUint32(OPTIONAL_AT + 60, headerSize, true);
  view.setUint32(OPTIONAL_AT + 108, 16, true);
  let rawAt = headerSize;
  for (const [i, content] of contents.entries()) {
    const at = tableAt + 40 * i;
    image.set(utf8(sections[i]![0]), at);
    view.setUint32(at + 8, content.length, true);
    view.setUint32(at + 12, 0x1000 * (i + 1), true);
    view.setUint32(at + 16, aligned(content.length), true);
    view.setUint32(at + 20, rawAt, true);
    image.set(content, rawAt);
    rawAt += aligned(content.length);
  }
  return image;
}

function aligned(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

/** What firmware measures of an image of `peImage`, signed or not: every byte but check sum, security entry and signatures. */
export function imageDigest(image: Uint8Array): Uint8Array {
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const signatures = view.getUint32(SECURITY_AT + 4, true);
  const covered = [
    image.subarray(0, CHECKSUM_AT),
    image.subarray(CHECKSUM_AT + 4, SECURITY_AT),
    image.subarray(SECURITY_AT + 8, image.length - signatures),
  ];
  return crypto.hash('sha256', concat(...covered));
}

/** A unified kernel image of the stub that Debian 12 has. */
export function aUki(
  parts: { readonly cmdline?: string; readonly initrd?: string; readonly linux?: string; readonly stub?: string } = {},
): Uint8Array {
  const { cmdline = 'console=ttyS0 quiet', initrd = 'an initrd', linux = 'a kernel' } = parts;
  return peImage([
    ['.text', 'the code of the stub'],
    ['.sdmagic', `#### LoaderInfo: systemd-stub ${parts.stub ?? '252.39-1'} ####`],
    ['.osrel', 'ID=test\n'],
    ['.cmdline', cmdline],
    ['.linux', linux],
    ['.initrd', initrd],
  ]);
}

export interface ImageSigner {
  readonly certificate: Certificate;
  readonly key: PrivateKey;
}

/** RSA, self-signed, as keys in db are. */
export async function anImageSigner(name: string): Promise<ImageSigner> {
  const key = await crypto.generateKey({ type: 'rsa', bits: 2048 });
  const subject = writeName({ CN: name });
  const certificate = await issueCertificate(
    {
      serial: randomSerial(crypto),
      issuer: subject,
      subject,
      notBefore: new Date('2020-01-01'),
      notAfter: new Date('2021-01-01'), // firmware does not look at it
      publicKey: key.publicKey,
      extensions: [],
    },
    signingKeyOf(key, 'rsassa-sha256'),
  );
  return { certificate: expectOk(parseCertificate(certificate)), key };
}

const OID = {
  signedData: '1.2.840.113549.1.7.2',
  indirectData: '1.3.6.1.4.1.311.2.1.4',
  peImageData: '1.3.6.1.4.1.311.2.1.15',
  sha256: '2.16.840.1.101.3.4.2.1',
  rsa: '1.2.840.113549.1.1.1',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
} as const;

/** The image with a signature appended. `digest`: what the signature says the image has. */
export async function signedImage(
  image: Uint8Array,
  { certificate, key }: ImageSigner,
  digest: Uint8Array = imageDigest(image),
): Promise<Uint8Array> {
  const algorithm = (oid: string) => der.sequence(der.oid(oid), der.nothing());
  const content = concat(
    der.sequence(der.oid(OID.peImageData), der.sequence(der.bitString(new Uint8Array(), 0))),
    der.sequence(algorithm(OID.sha256), der.octetString(digest)),
  );
  const attribute = (oid: string, value: Uint8Array) => der.sequence(der.oid(oid), der.set(value));
  const attributes = concat(
    attribute(OID.contentType, der.oid(OID.indirectData)),
    attribute(OID.messageDigest, der.octetString(crypto.hash('sha256', content))),
  );
  const signature = await key.sign('rsassa-sha256', der.set(attributes));
  const serial = Uint8Array.from(certificate.serial.match(/../g)!, (pair) => Number.parseInt(pair, 16));
  const signerInfo = der.sequence(
    der.integer(1),
    der.sequence(certificate.issuer.der, der.unsigned(serial)),
    algorithm(OID.sha256),
    der.tagged(0, attributes),
    algorithm(OID.rsa),
    der.octetString(signature),
  );
  const signedData = der.sequence(
    der.integer(1),
    der.set(algorithm(OID.sha256)),
    der.sequence(der.oid(OID.indirectData), der.tagged(0, der.sequence(content))),
    der.tagged(0, certificate.der),
    der.set(signerInfo),
  );
  const pkcs7 = der.sequence(der.oid(OID.signedData), der.tagged(0, signedData));
  const entry = new Uint8Array((8 + pkcs7.length + 7) & ~7);
  const header = new DataView(entry.buffer);
  header.setUint32(0, 8 + pkcs7.length, true);
  header.setUint16(4, 0x200, true);
  header.setUint16(6, 2, true);
  entry.set(pkcs7, 8);
  const signed = concat(image, entry);
  const view = new DataView(signed.buffer);
  view.setUint32(SECURITY_AT, image.length, true);
  view.setUint32(SECURITY_AT + 4, entry.length, true);
  return signed;
}
