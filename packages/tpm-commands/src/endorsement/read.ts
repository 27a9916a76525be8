import { toHex } from '@sekimori/bytes';
import { type PublicKey, sameKey } from '@sekimori/crypto-core';
import {
  type Certificate,
  isSoftwareTpmVendor,
  parseCertificate,
  tpmIdentityOf,
  tpmVendorName,
  writePem,
} from '@sekimori/pki';
import { describeFault, expectOk, ok, type Result } from '@sekimori/result';
import {
  createPrimary,
  EK_TEMPLATES,
  type EkTemplateName,
  listHandles,
  type LoadedKey,
  openEndorsementKey,
  publicKeyOf,
  readEndorsementCertificates,
  readPublic,
  type StoredCertificate,
  type Tpm,
  TPM_RH,
  type TpmResult,
} from '@sekimori/tpm2';
import { kindOf, templateOf } from '../info/objects.ts';
import { hex32 } from '../text.ts';

/** A certificate in NV memory. */
export interface NvCertificate {
  /** 8 hex digits. */
  readonly nvIndex: string;
  /** RFC 4514; '' where there is none, as the profile allows. */
  readonly subject: string;
  readonly issuer: string;
  /** Hex. */
  readonly serial: string;
  /** From the subject alternative name. `manufacturer` is the vendor id in hex, `vendor` its name. */
  readonly tpm?: {
    readonly manufacturer: string;
    readonly vendor?: string;
    readonly software: boolean;
    readonly model: string;
    readonly version: string;
  };
  /** ISO 8601, UTC. */
  readonly notBefore: string;
  readonly notAfter: string;
  /** Hex SHA-256 of the certificate. */
  readonly fingerprint: string;
  readonly pem: string;
}

/** An endorsement key of this TPM. */
export interface EndorsementKeyView {
  /** 'RSA-2048', 'ECC P-384'. */
  readonly kind: string;
  /** 'EK L-1': whose template it was made from, where that is known. */
  readonly template?: string;
  /** 8 hex digits; absent for a key that was made to be shown, and is gone. */
  readonly handle?: string;
  /** Hex. */
  readonly name: string;
  /** Hex SHA-256 of its SubjectPublicKeyInfo: what `sekimori-host identity` shows and `sekimori host approve` compares. */
  readonly fingerprint: string;
  /** The certificates in NV that are for this very key. */
  readonly certificates: readonly NvCertificate[];
}

/** The document of `tpm ek --json`. */
export interface Endorsement {
  readonly keys: readonly EndorsementKeyView[];
  /** Certificates in the places of endorsement certificates that are for no key shown here. */
  readonly otherCertificates: readonly NvCertificate[];
  /** Certificates above them. */
  readonly chain: readonly NvCertificate[];
  /** What could not be read or made, and why. */
  readonly unread: readonly string[];
}

/**
 * Endorsement keys and certificates as they stand in the TPM; nobody's word is believed or checked. Makes a key for a moment where a
 * certificate is for one that is not kept, or where none is known of a kind that every TPM for hosts has.
 */
export async function readEndorsement(tpm: Tpm): Promise<TpmResult<Endorsement>> {
  const stored = await readEndorsementCertificates(tpm);
  if (!stored.ok) return stored;
  const { problems, chain } = stored.value;
  const unread = problems.map(({ index, fault }) => `NV index ${hex32(index)}: ${describeFault(fault)}`);
  const certificates = stored.value.certificates.map((each) => foundIn(tpm, each));
  const keys = await endorsementKeys(tpm, certificates, unread);
  if (!keys.ok) return keys;
  return ok({
    keys: keys.value.map((each) => ({
      ...each.view,
      certificates: certificates.filter((found) => isFor(tpm, each, found)).map(({ view }) => view),
    })),
    otherCertificates: certificates
      .filter((found) => !keys.value.some((each) => isFor(tpm, each, found)))
      .map(({ view }) => view),
    chain: chain.map((each) => foundIn(tpm, each).view),
    unread,
  });
}

interface Found {
  readonly template: StoredCertificate['name'];
  readonly certificate: Certificate;
  readonly view: NvCertificate;
}

function foundIn(tpm: Tpm, { name: template, index, certificate: der }: StoredCertificate): Found {
  const certificate = expectOk(parseCertificate(der));
  return { template, certificate, view: viewOf(tpm, index, certificate) };
}

function isFor(tpm: Tpm, { key }: { readonly key: PublicKey }, { certificate }: Found): boolean {
  const certified = certificate.publicKey(tpm.crypto);
  return certified.ok && sameKey(certified.value, key);
}

function viewOf(tpm: Tpm, index: number, certificate: Certificate): NvCertificate {
  const named = tpmIdentityOf(certificate);
  const vendor = named && tpmVendorName(named.manufacturer);
  return {
    nvIndex: hex32(index),
    subject: certificate.subject.text,
    issuer: certificate.issuer.text,
    serial: certificate.serial,
    ...(named && {
      tpm: { ...named, ...(vendor === undefined ? {} : { vendor }), software: isSoftwareTpmVendor(named.manufacturer) },
    }),
    notBefore: certificate.notBefore.toISOString(),
    notAfter: certificate.notAfter.toISOString(),
    fingerprint: certificate.fingerprint(tpm.crypto),
    pem: writePem('CERTIFICATE', certificate.der),
  };
}

interface Opened {
  readonly key: PublicKey;
  readonly view: Omit<EndorsementKeyView, 'certificates'>;
}

/** Those that the TPM keeps in the range of endorsement keys, then those that certificates are for, then the usual ones. */
async function endorsementKeys(
  tpm: Tpm,
  certificates: readonly Found[],
  unread: string[],
): Promise<TpmResult<readonly Opened[]>> {
  const handles = await listHandles(tpm, 0x81010000, 0x8101ffff);
  if (!handles.ok) return handles;
  const found = new Map<string, Opened>();
  const add = (what: string, loaded: Result<LoadedKey>, handle?: number) => {
    const opened = loaded.ok ? openedOf(tpm, loaded.value, handle) : loaded;
    if (!opened.ok) unread.push(`${what}: ${describeFault(opened.fault)}`);
    else if (!found.has(opened.value.view.name)) found.set(opened.value.view.name, opened.value);
  };
  for (const handle of handles.value) add(`persistent key ${hex32(handle)}`, await readPublic(tpm, handle), handle);
  for (const name of Object.keys(EK_TEMPLATES) as EkTemplateName[]) {
    const what = `a key of the template EK ${name}`;
    const certificate = certificates.find(({ template }) => template === name);
    if (certificate) {
      if ([...found.values()].some((each) => isFor(tpm, each, certificate))) continue;
      const opened = await openEndorsementKey(tpm, name);
      add(what, opened);
      if (opened.ok) await opened.value.release();
    } else if (USUAL.includes(name) && ![...found.values()].some(({ view }) => view.template === `EK ${name}`)) {
      const made = await createPrimary(tpm, TPM_RH.endorsement, EK_TEMPLATES[name].key);
      add(what, made);
      if (made.ok) await tpm.flush(made.value.handle);
    }
  }
  return ok([...found.values()]);
}

/** Every TPM for hosts has one of these, with or without a certificate. */
const USUAL: readonly EkTemplateName[] = ['L-1', 'H-3'];

function openedOf(tpm: Tpm, loaded: LoadedKey, handle?: number): Result<Opened> {
  const key = publicKeyOf(tpm.crypto, loaded.publicArea);
  if (!key.ok) return key;
  const template = templateOf(loaded.publicArea);
  return ok({
    key: key.value,
    view: {
      kind: kindOf(loaded.publicArea.value),
      ...(template === undefined ? {} : { template }),
      ...(handle === undefined ? {} : { handle: hex32(handle) }),
      name: toHex(loaded.name),
      fingerprint: toHex(tpm.crypto.hash('sha256', key.value.spki)),
    },
  });
}
