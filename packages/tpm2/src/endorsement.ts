import { readDer, readDerPrefix, der, sameKey } from '@sekimori/crypto-core';
import { type Fault, fail, ok } from '@sekimori/result';
import type { Tpm, TpmResult } from './client.ts';
import { TPM_RH, WELL_KNOWN } from './handles.ts';
import { publicKeyOf } from './names.ts';
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
  const certificate = trimCertificate(stored.value);
  if (!certificate) return fail('endorsement-certificate', `NV index 0x${place.certificate.toString(16)} holds none`);

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

/** A header of PC Client 1.2 style (10 01 00, length) may precede the certificate, padding (00 or ff) may follow it. */
export function trimCertificate(stored: Uint8Array): Uint8Array | undefined {
  const headed = stored[0] === 0x10 && stored[1] === 0x01 && stored[2] === 0x00;
  const outer = readDerPrefix(headed ? stored.subarray(5) : stored);
  return outer.ok && outer.value.tag === der.TAG.sequence ? outer.value.bytes : undefined;
}

function isFor(tpm: Tpm, certificate: Uint8Array, area: PublicArea): boolean {
  const spki = spkiIn(certificate);
  const certified = spki && tpm.crypto.publicKey({ type: 'spki', der: spki });
  const own = publicKeyOf(tpm.crypto, area);
  return certified?.ok === true && own.ok && sameKey(certified.value, own.value);
}

/** SubjectPublicKeyInfo: the field after version, serial, algorithm, issuer, validity and subject. RFC 5280, 4.1. */
function spkiIn(certificate: Uint8Array): Uint8Array | undefined {
  const outer = readDer(certificate);
  const parts = outer.ok ? der.children(outer.value) : outer;
  const tbs = parts.ok && parts.value[0] ? der.children(parts.value[0]) : undefined;
  return tbs?.ok === true ? tbs.value[6]?.bytes : undefined;
}
