import { toHex } from '@sekimori/bytes';
import { der, type PublicKey, readDerPrefix, sameKey } from '@sekimori/crypto-core';
import {
  type Certificate,
  certificateFromNv,
  isSoftwareTpmVendor,
  parseCertificate,
  tpmIdentityOf,
  tpmVendorName,
  writePem,
} from '@sekimori/pki';
import { describeFault, type Fault, ok, type Result } from '@sekimori/result';
import {
  createPrimary,
  EK_ECC_P384,
  EK_RSA_2048,
  type LoadedKey,
  publicKeyOf,
  type PublicArea,
  readNv,
  readPublic,
  type Tpm,
  TPM_RH,
  type TpmResult,
} from '@sekimori/tpm2';
import { CERTIFICATE_INDICES, isChainIndex } from '../handles.ts';
import { handlesOf } from '../info/capabilities.ts';
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

/** Endorsement keys and certificates as they stand in the TPM; nobody's word is believed or checked. Makes a key for a moment where none is kept. */
export async function readEndorsement(tpm: Tpm): Promise<TpmResult<Endorsement>> {
  const indices = await handlesOf(tpm, 0x01000000);
  if (!indices.ok) return indices;
  const unread: string[] = [];
  const certificates: Found[] = [];
  const chain: NvCertificate[] = [];
  for (const index of indices.value.filter((each) => CERTIFICATE_INDICES.has(each) || isChainIndex(each))) {
    const found = await certificatesAt(tpm, index);
    if (!found.ok) unread.push(`NV index ${hex32(index)}: ${describeFault(found.fault)}`);
    else if (CERTIFICATE_INDICES.has(index)) certificates.push(...found.value);
    else chain.push(...found.value.map(({ view }) => view));
  }
  const keys = await endorsementKeys(tpm, unread);
  if (!keys.ok) return keys;
  const isFor = ({ key }: { readonly key: PublicKey }, { certificate }: Found) => {
    const certified = certificate.publicKey(tpm.crypto);
    return certified.ok && sameKey(certified.value, key);
  };
  return ok({
    keys: keys.value.map((each) => ({
      ...each.view,
      certificates: certificates.filter((found) => isFor(each, found)).map(({ view }) => view),
    })),
    otherCertificates: certificates
      .filter((found) => !keys.value.some((each) => isFor(each, found)))
      .map(({ view }) => view),
    chain,
    unread,
  });
}

interface Found {
  readonly certificate: Certificate;
  readonly view: NvCertificate;
}

/** One endorsement certificate; of the chain, each index holds certificates one after the other. */
async function certificatesAt(tpm: Tpm, index: number): Promise<Result<readonly Found[]>> {
  const content = await readNv(tpm, index);
  if (!content.ok) return content;
  const ders = isChainIndex(index) ? ok(sequencesIn(content.value)) : oneOf(certificateFromNv(content.value));
  if (!ders.ok) return ders;
  const found: Found[] = [];
  for (const each of ders.value) {
    const certificate = parseCertificate(each);
    if (!certificate.ok) return certificate;
    found.push({ certificate: certificate.value, view: viewOf(tpm, index, certificate.value) });
  }
  return ok(found);
}

function oneOf<T, F extends Fault>(result: Result<T, F>): Result<readonly T[], F> {
  return result.ok ? ok([result.value]) : result;
}

function sequencesIn(content: Uint8Array): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let rest = content; rest.length > 0; ) {
    const next = readDerPrefix(rest);
    if (!next.ok || next.value.tag !== der.TAG.sequence) break; // padding
    found.push(next.value.bytes.slice());
    rest = rest.subarray(next.value.bytes.length);
  }
  return found;
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

/** Those that the TPM keeps in the range of endorsement keys, then those of the templates, where these are others. */
async function endorsementKeys(tpm: Tpm, unread: string[]): Promise<TpmResult<readonly Opened[]>> {
  const handles = await handlesOf(tpm, 0x81000000);
  if (!handles.ok) return handles;
  const found = new Map<string, Opened>();
  const add = (what: string, loaded: Result<LoadedKey>, handle?: number) => {
    const opened = loaded.ok ? openedOf(tpm, loaded.value, handle) : loaded;
    if (!opened.ok) unread.push(`${what}: ${describeFault(opened.fault)}`);
    else if (!found.has(opened.value.view.name)) found.set(opened.value.view.name, opened.value);
  };
  for (const handle of handles.value.filter((each) => each >>> 16 === 0x8101))
    add(`persistent key ${hex32(handle)}`, await readPublic(tpm, handle), handle);
  const kept = [...found.values()].map(({ view }) => view.template);
  for (const template of TEMPLATES.filter((each) => !kept.includes(templateOf(each)))) {
    const made = await createPrimary(tpm, TPM_RH.endorsement, template);
    add(`a key of the template ${templateOf(template)}`, made);
    if (made.ok) await tpm.flush(made.value.handle);
  }
  return ok([...found.values()]);
}

/** Of the EK Credential Profile, those that every TPM for hosts has one of. */
const TEMPLATES: readonly PublicArea[] = [EK_RSA_2048, EK_ECC_P384];

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
