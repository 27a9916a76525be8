import { equal } from '@sekimori/bytes';
import type { ReadEvent } from '@sekimori/event-log';
import { type Certificate, parseCertificate } from '@sekimori/pki';
import { variableData } from '../efi-variables.ts';
import { EFI_IMAGE_SECURITY_DATABASE } from '../guid.ts';
import { imageSignatures, type ImageSignature, leadsTo } from '../image-signature.ts';
import { type DatabaseEntry, databaseEntries, entryOfDigest, OWNER_BYTES } from '../signature-database.ts';
import type { BootImage, Walk } from '../walk.ts';
import { secureBootWasOn } from './variables.ts';

/** The certificate that an event of PCR 7 names as the one that vouched for an image; undefined for what is none, such as SbatLevel. */
export function authorityCertificate({ content }: ReadEvent): Certificate | undefined {
  if (content.is !== 'variable') return undefined;
  for (const bytes of [content.value.subarray(OWNER_BYTES), content.value]) {
    const certificate = parseCertificate(bytes);
    if (certificate.ok) return certificate.value;
  }
  return undefined;
}

/**
 * Who vouches for an image under Secure Boot: firmware and shim measure that to PCR 7 the first time they use a certificate.
 * Refused is what dbx forbids, and what no entry of db allows where the firmware itself looks.
 */
export async function authorityStep(walk: Walk, image: BootImage, events: readonly ReadEvent[]): Promise<void> {
  const { draft } = walk;
  if (!secureBootWasOn(draft)) return draft.same(...events);
  if (!image.image || !image.digest) return draft.unknown(...events);
  const signatures = imageSignatures(draft.crypto, image.image);
  const { db, dbx } = await databases(walk);
  const forbidden = dbx && whyForbidden(walk, dbx, image.digest, signatures);
  if (forbidden !== undefined)
    draft.find('image-refused', 'refused', image.name, [4, 7], `${forbidden} is in dbx: Secure Boot refuses it`);
  const own = events.at(-1);
  // The digest leaves signatures out: an image can be the same, and signed by somebody else.
  const isUnchanged = image.state === 'same' && !databaseChanged(walk);
  // It was taken at this boot, by a signature that is not read here: another algorithm, say.
  const isTaken = isUnchanged && signatures.length === 0 && image.image.certificates !== undefined;
  const before = walk.images.slice(0, -1);
  if (db && before.every(({ kind, state }) => kind !== 'shim' && state !== 'unknown')) {
    const voucher = firmwareVoucher(walk, db, image.digest, signatures);
    if (voucher) return firmwareVouches(walk, image, events, voucher);
    if (isTaken) return draft.same(...events);
    draft.find('image-refused', 'refused', image.name, [4, 7], 'no entry of db allows it: Secure Boot refuses it');
    return draft.unknown(...events);
  }
  const known = seenAuthorities(walk, own).find(({ certificate }) =>
    signatures.some((each) => leadsTo(draft.crypto, each, certificate)),
  );
  if ((known && (own === undefined || known.event === own)) || isTaken) return draft.same(...events);
  const detail = 'another certificate must vouch for it than at this boot: which one is not known';
  draft.find('authority-changed', 'unknown', image.name, [7], detail);
  draft.unknown(...events);
}

/** Firmware measures the entry of db that it used, once for each. */
function firmwareVouches(walk: Walk, image: BootImage, events: readonly ReadEvent[], voucher: DatabaseEntry): void {
  const { draft } = walk;
  const own = events.at(-1);
  const digest = draft.hash(variableData(EFI_IMAGE_SECURITY_DATABASE, 'db', voucher.signatureData));
  const isKnown = draft.events.some(
    (event) => event.pcr === 7 && (!own || event.index < own.index) && equal(event.digest, digest),
  );
  draft.unknown(...events.slice(0, -1));
  if (!own && isKnown) return;
  if (!own) return draft.find('authority-changed', 'unknown', image.name, [7], 'another entry of db vouches for it');
  if (isKnown) draft.replacedBy(own, []);
  else if (draft.becomes(own, digest)) return;
  draft.find('authority-changed', 'changes', image.name, [7], 'another entry of db vouches for it');
}

/** As they are now: the next boot goes by these. */
async function databases({ environment }: Walk) {
  const read = async (name: string) => {
    const value = await environment.variables?.read(EFI_IMAGE_SECURITY_DATABASE, name);
    return value && databaseEntries(value);
  };
  return { db: await read('db'), dbx: await read('dbx') };
}

function databaseChanged({ draft }: Walk): boolean {
  return draft.findings.some(({ id, subject }) => id === 'variable-changed' && subject === 'db');
}

function whyForbidden(
  { draft }: Walk,
  dbx: readonly DatabaseEntry[],
  digest: Uint8Array,
  signatures: readonly ImageSignature[],
): string | undefined {
  if (entryOfDigest(dbx, digest)) return 'its digest';
  const certificates = signatures.flatMap(({ signer, certificates: others }) => [signer, ...others]);
  for (const certificate of certificates)
    for (const { type, data } of dbx) {
      const isListed = type === 'certificate' && equal(data, certificate.der);
      const tbs = () => draft.crypto.hash('sha256', certificate.tbs);
      if (isListed || (type === 'certificate-sha256' && equal(data.subarray(0, 32), tbs())))
        return `its certificate '${certificate.subject.text}'`;
    }
  return undefined;
}

/** The entry that firmware comes to first: by digest, or by certificate. */
function firmwareVoucher(
  { draft }: Walk,
  db: readonly DatabaseEntry[],
  digest: Uint8Array,
  signatures: readonly ImageSignature[],
): DatabaseEntry | undefined {
  for (const signature of signatures)
    for (const entry of db) {
      const certificate = entry.type === 'certificate' ? parseCertificate(entry.data) : undefined;
      if (certificate?.ok && leadsTo(draft.crypto, signature, certificate.value)) return entry;
    }
  return entryOfDigest(db, digest);
}

/** Certificates that vouched for something up to an event. */
function seenAuthorities({ draft }: Walk, upTo: ReadEvent | undefined) {
  return draft.events
    .filter((event) => event.pcr === 7 && (!upTo || event.index <= upTo.index))
    .flatMap((event) => {
      const certificate = event.typeName === 'EV_EFI_VARIABLE_AUTHORITY' ? authorityCertificate(event) : undefined;
      return certificate ? [{ event, certificate }] : [];
    });
}
