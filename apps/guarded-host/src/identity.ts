import { toBase64Url, toHex } from '@sekimori/bytes';
import { parseCertificate, tpmIdentityOf } from '@sekimori/pki';
import type { EnrolRequest } from '@sekimori/protocol';
import { ok, type Result } from '@sekimori/result';
import {
  createAttestationKey,
  readEndorsementCertificates,
  type Tpm,
  tpmProperties,
  type TpmResult,
} from '@sekimori/tpm2';
import { type OwnEndorsementKey, withEndorsementKeys } from './endorsement.ts';
import type { HostFault } from './faults.ts';

export interface PlatformOptions {
  /** Letters, digits, . _ - ; at most 63. */
  readonly name: string;
  /** Certificates above the endorsement certificates, DER, beyond those in the TPM's NV memory. */
  readonly intermediates?: readonly Uint8Array[];
}

/** The platform identifier: all endorsement keys with a certificate, and what the TPM says of itself. Nothing in it is secret. */
export function platformIdentifier(tpm: Tpm, options: PlatformOptions): Promise<Result<EnrolRequest, HostFault>> {
  return withEndorsementKeys(tpm, (keys) => identifierOf(tpm, keys, options));
}

/** The same with the keys at hand. */
export async function identifierOf(
  tpm: Tpm,
  keys: readonly [OwnEndorsementKey, ...OwnEndorsementKey[]],
  { name, intermediates = [] }: PlatformOptions,
): Promise<Result<EnrolRequest, HostFault>> {
  const properties = await describeTpm(tpm);
  if (!properties.ok) return properties;
  // What else stands in NV is nothing to enrol with: `tpm ek` shows it.
  const stored = await readEndorsementCertificates(tpm);
  if (!stored.ok) return stored;
  const inTpm = stored.value.chain.map(({ certificate }) => certificate);
  return ok({
    name,
    endorsementKeys: keys.map(({ key }) => ({
      public: toBase64Url(key.tpm2bPublic),
      certificate: toBase64Url(key.certificate),
    })),
    intermediates: [...intermediates, ...inTpm].slice(0, MAX_INTERMEDIATES).map(toBase64Url),
    properties: properties.value,
  });
}

const MAX_INTERMEDIATES = 8;

/** What `sekimori-host identity` shows. */
export interface HostIdentity {
  /** Hex SHA-256 of the SubjectPublicKeyInfo of the endorsement key that activation uses. */
  readonly ekFingerprint: string;
  readonly ekCertificate: { readonly subject: string; readonly issuer: string; readonly notAfter: string };
  /** From the certificate where it names the TPM, else the TPM's own word. */
  readonly tpm: { readonly manufacturer: string; readonly model?: string; readonly firmware: string };
  /** TPM Name of the attestation key, hex. */
  readonly akName: string;
}

export function hostIdentity(tpm: Tpm): Promise<Result<HostIdentity, HostFault>> {
  return withEndorsementKeys(tpm, async ([{ key, fingerprint }]) => {
    const certificate = parseCertificate(key.certificate);
    if (!certificate.ok) return certificate;
    const { subject, issuer, notAfter } = certificate.value;
    const named = tpmIdentityOf(certificate.value);
    const told = await describeTpm(tpm);
    if (!told.ok) return told;
    const attestationKey = await createAttestationKey(tpm);
    if (!attestationKey.ok) return attestationKey;
    await tpm.flush(attestationKey.value.handle);
    return ok({
      ekFingerprint: fingerprint,
      ekCertificate: { subject: subject.text, issuer: issuer.text, notAfter: notAfter.toISOString() },
      tpm: { ...told.value, ...(named && { model: named.model }) },
      akName: toHex(attestationKey.value.name),
    });
  });
}

/** TPM_PT_MANUFACTURER, TPM_PT_FIRMWARE_VERSION_1 and _2. Part 2, 6.13. */
const PT = { manufacturer: 0x105, firmware1: 0x10b, firmware2: 0x10c } as const;

async function describeTpm(tpm: Tpm): Promise<TpmResult<EnrolRequest['properties']>> {
  const read = await tpmProperties(tpm, PT.manufacturer, PT.firmware2 - PT.manufacturer + 1);
  if (!read.ok) return read;
  const [maker, first, second] = [PT.manufacturer, PT.firmware1, PT.firmware2].map((each) => read.value.get(each) ?? 0);
  return ok({ manufacturer: textOf(maker!), firmware: [...halves(first!), ...halves(second!)].join('.') });
}

function halves(value: number): readonly number[] {
  return [value >>> 16, value & 0xffff];
}

/** Four ASCII characters, filled up with NUL or spaces; hex where they are no text. */
function textOf(value: number): string {
  const bytes = [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
  const text = String.fromCharCode(...bytes).replace(/[\0 ]+$/, '');
  return /^[\x21-\x7e]+$/.test(text) ? text : value.toString(16).padStart(8, '0');
}
