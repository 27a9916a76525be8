import { encode } from '@sekimori/codec';
import { sameKey } from '@sekimori/crypto-core';
import { certificateFromNv, parseCertificate } from '@sekimori/pki';
import { type Fault, fail, ok } from '@sekimori/result';
import { TPMA_NV } from './attributes.ts';
import type { Tpm, TpmResult } from './client.ts';
import { TPM_RH, WELL_KNOWN } from './handles.ts';
import { publicKeyOf } from './names.ts';
import { TPMS_NV_PUBLIC } from './objects.ts';
import { createPrimary, type LoadedKey, readNv, readPublic } from './operations.ts';
import type { PublicArea } from './public-area.ts';
import { EK_ECC_P384, EK_RSA_2048 } from './templates.ts';

export type EndorsementKeyKind = 'rsa-2048' | 'ecc-p384';

interface Place {
  readonly persistent: number;
  readonly certificate: number;
  readonly template: PublicArea;
}
const PLACES: Readonly<Record<EndorsementKeyKind, Place>> = {
  'rsa-2048': {
    persistent: WELL_KNOWN.rsa2048EndorsementKey,
    certificate: WELL_KNOWN.rsa2048EndorsementCertificate,
    template: EK_RSA_2048,
  },
  'ecc-p384': {
    persistent: WELL_KNOWN.eccP384EndorsementKey,
    certificate: WELL_KNOWN.eccP384EndorsementCertificate,
    template: EK_ECC_P384,
  },
};

/** An endorsement key whose public area is the one its certificate is for. */
export interface CertifiedEndorsementKey extends LoadedKey {
  /** X.509, DER, as it stands in NV but without padding. Its chain has not been looked at. */
  readonly certificate: Uint8Array;
  /** Gives back a handle that had to be made. */
  release(): Promise<void>;
}

/**
 * The endorsement key and its certificate: the persistent key, or one made from the profile's template.
 * `endorsement-certificate`: NV holds no certificate. `endorsement-key-mismatch`: neither key is the certificate's.
 */
export async function openEndorsementKey(
  tpm: Tpm,
  kind: EndorsementKeyKind = 'rsa-2048',
): Promise<TpmResult<CertifiedEndorsementKey, Fault<'endorsement-certificate' | 'endorsement-key-mismatch'>>> {
  const place = PLACES[kind];
  const stored = await readNv(tpm, place.certificate);
  if (!stored.ok) return stored;
  const found = certificateFromNv(stored.value);
  if (!found.ok) return fail('endorsement-certificate', found.fault.detail, { cause: found.fault });
  const certificate = found.value;

  const persistent = await readPublic(tpm, place.persistent);
  if (persistent.ok && isFor(tpm, certificate, persistent.value.publicArea))
    return ok({ ...persistent.value, certificate, release: async () => {} });
  const made = await createPrimary(tpm, TPM_RH.endorsement, place.template);
  if (!made.ok) return made;
  if (isFor(tpm, certificate, made.value.publicArea))
    return ok({ ...made.value, certificate, release: () => tpm.flush(made.value.handle) });
  await tpm.flush(made.value.handle);
  return fail('endorsement-key-mismatch', `no ${kind} endorsement key of this TPM is the one in its certificate`);
}

/** As the platform's maker leaves it: read by everybody, written by nobody. TCG EK Credential Profile 2.2.1.4. */
const CERTIFICATE_INDEX = TPMA_NV.of(
  'platformCreate',
  'ppRead',
  'ownerRead',
  'authRead',
  'ppWrite',
  'writeDefine',
  'noDA',
);
/** Every TPM takes this much at once. */
const NV_CHUNK = 512;

/**
 * What a TPM's maker does: the certificate of an endorsement key in its NV index, locked. The platform's authorization must be
 * empty, as it is before a firmware has run. TPM_RC_NV_DEFINED: there is one already.
 */
export async function storeEndorsementCertificate(
  tpm: Tpm,
  kind: EndorsementKeyKind,
  certificate: Uint8Array,
): Promise<TpmResult<void>> {
  const nvIndex = PLACES[kind].certificate;
  const handles = { authHandle: TPM_RH.platform, nvIndex };
  const value = {
    nvIndex,
    nameAlg: 'sha256',
    attributes: CERTIFICATE_INDEX,
    authPolicy: new Uint8Array(0),
    dataSize: certificate.length,
  } as const;
  const defined = await tpm.run('NV_DefineSpace', {
    handles: { authHandle: TPM_RH.platform },
    parameters: { auth: new Uint8Array(0), publicInfo: { value, bytes: encode(TPMS_NV_PUBLIC, value) } },
  });
  if (!defined.ok) return defined;
  for (let offset = 0; offset < certificate.length; offset += NV_CHUNK) {
    const data = certificate.subarray(offset, offset + NV_CHUNK);
    const written = await tpm.run('NV_Write', { handles, parameters: { data, offset } });
    if (!written.ok) return written;
  }
  const locked = await tpm.run('NV_WriteLock', { handles, parameters: {} });
  return locked.ok ? ok(undefined) : locked;
}

function isFor(tpm: Tpm, certificate: Uint8Array, area: PublicArea): boolean {
  const parsed = parseCertificate(certificate);
  const certified = parsed.ok ? parsed.value.publicKey(tpm.crypto) : parsed;
  const own = publicKeyOf(tpm.crypto, area);
  return certified.ok && own.ok && sameKey(certified.value, own.value);
}
