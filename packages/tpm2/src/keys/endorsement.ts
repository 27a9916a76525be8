import { equal } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { sameKey } from '@sekimori/crypto-core';
import { parseCertificate } from '@sekimori/pki';
import { type Fault, fail, ok } from '@sekimori/result';
import { TPMA_NV } from '../structures/attributes.ts';
import type { Tpm, TpmFault, TpmResult } from '../client/client.ts';
import { readCertificate, readTemplate, withOtherUnique } from './endorsement-nv.ts';
import { TPM_RH } from '../structures/handles.ts';
import { publicKeyOf } from '../structures/names.ts';
import { TPMS_NV_PUBLIC } from '../structures/objects.ts';
import { createPrimary, type LoadedKey, readPublic } from '../client/operations.ts';
import type { PublicArea } from '../structures/public-area.ts';
import { EK_TEMPLATES, type EkTemplate, type EkTemplateName } from './templates.ts';

/** The keys that swtpm has, by what they are: L-1 and H-3 of the profile. */
export type EndorsementKeyKind = 'rsa-2048' | 'ecc-p384';
const TEMPLATE_OF: Readonly<Record<EndorsementKeyKind, EkTemplateName>> = { 'rsa-2048': 'L-1', 'ecc-p384': 'H-3' };

function templateOf(which: EndorsementKeyKind | EkTemplateName): EkTemplate {
  return EK_TEMPLATES[which in TEMPLATE_OF ? TEMPLATE_OF[which as EndorsementKeyKind] : (which as EkTemplateName)];
}

/** An endorsement key whose public area is the one its certificate is for. */
export interface CertifiedEndorsementKey extends LoadedKey {
  /** X.509, DER, as it stands in NV but without padding. Its chain has not been looked at. */
  readonly certificate: Uint8Array;
  /** Gives back a handle that had to be made. */
  release(): Promise<void>;
}

/**
 * The endorsement key of this kind, or of this template of the profile, and its certificate: the persistent key, or one made from the template in
 * NV, from the profile's, or from that with the other `unique`, whichever is the certificate's. `endorsement-certificate`: NV holds no
 * certificate there (an index that does not exist is a `tpm-error` of NV_ReadPublic). `endorsement-key-mismatch`: none of these keys is the certificate's.
 */
export async function openEndorsementKey(
  tpm: Tpm,
  which: EndorsementKeyKind | EkTemplateName = 'rsa-2048',
): Promise<TpmResult<CertifiedEndorsementKey, Fault<'endorsement-certificate' | 'endorsement-key-mismatch'>>> {
  const place = templateOf(which);
  const stored = await readCertificate(tpm, place.certificateIndex);
  if (!stored.ok) return stored;
  const certificate = stored.value;

  const persistent = await readPublic(tpm, place.persistentHandle);
  if (persistent.ok && isFor(tpm, certificate, persistent.value.publicArea))
    return ok({ ...persistent.value, certificate, release: async () => {} });
  const template = await readTemplate(tpm, place, place.key);
  let refused: { readonly ok: false; readonly fault: TpmFault } | undefined;
  let isMade = false;
  for (const candidate of candidates(template, place.key)) {
    const made = await createPrimary(tpm, TPM_RH.endorsement, candidate);
    if (!made.ok) {
      refused ??= made;
      continue;
    }
    if (isFor(tpm, certificate, made.value.publicArea))
      return ok({ ...made.value, certificate, release: () => tpm.flush(made.value.handle) });
    await tpm.flush(made.value.handle);
    isMade = true;
  }
  // A TPM that has no such keys says why.
  if (!isMade && refused) return refused;
  return fail('endorsement-key-mismatch', `no ${place.name} endorsement key of this TPM is the one in its certificate`);
}

/** What a key may have been made from, likeliest first, none twice. */
function candidates(template: PublicArea, usual: PublicArea): readonly PublicArea[] {
  const all = [template, usual, withOtherUnique(usual)].filter((each) => each !== undefined);
  return all.filter((each, at) => all.findIndex((other) => equal(other.bytes, each.bytes)) === at);
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
  which: EndorsementKeyKind | EkTemplateName,
  certificate: Uint8Array,
): Promise<TpmResult<void>> {
  const nvIndex = templateOf(which).certificateIndex;
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
