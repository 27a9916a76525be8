import { decode, raw } from '@sekimori/codec';
import { curveWidth } from '@sekimori/crypto-core';
import { certificateFromNv, parseCertificate } from '@sekimori/pki';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import type { Tpm, TpmFault, TpmResult } from '../client/client.ts';
import { certificatesOfChain } from './endorsement-chain.ts';
import { EK_PLACES, type EkName, type EndorsementPlace } from '../structures/handles.ts';
import { listHandles, readNv } from '../client/operations.ts';
import { type PublicArea, publicArea, TPMT_PUBLIC } from '../structures/public-area.ts';

/** A certificate as NV holds it. Its chain has not been looked at. */
export interface StoredCertificate {
  /** The template of the key it is for. Undefined for an index that the profile has no key for. */
  readonly name?: EkName;
  /** The one that it begins in: a certificate of a CA may end in the next. */
  readonly index: number;
  /** X.509, DER, without header and padding. */
  readonly certificate: Uint8Array;
}

/** What NV holds about endorsement keys. */
export interface EndorsementCertificates {
  readonly certificates: readonly StoredCertificate[];
  /** Certificates of CAs above them, in the order of NV: Intel's on-die CAs, for one. */
  readonly chain: readonly StoredCertificate[];
  /** Indices that could not be used, and why. */
  readonly problems: readonly { readonly index: number; readonly fault: EndorsementNvFault }[];
}
/** `endorsement-certificate`: what stands there is no certificate. */
export type EndorsementNvFault = TpmFault | Fault<'endorsement-certificate'>;

/** TCG EK Credential Profile 2.5, 2.2.1.4 to 2.2.1.6: keys' own indices, then the CAs'. */
const KEY_INDICES = [0x01c00002, 0x01c000ff] as const;
const CHAIN_INDICES = [0x01c00100, 0x01c001ff] as const;

/**
 * The certificates of endorsement keys that stand in NV, of the low and the high range, and those of the CAs above them. An index
 * that cannot be read or holds something else is a problem, not the end.
 */
export async function readEndorsementCertificates(tpm: Tpm): Promise<TpmResult<EndorsementCertificates>> {
  const keyIndices = await listHandles(tpm, ...KEY_INDICES);
  if (!keyIndices.ok) return keyIndices;
  const chainIndices = await listHandles(tpm, ...CHAIN_INDICES);
  if (!chainIndices.ok) return chainIndices;

  const certificates: StoredCertificate[] = [];
  const problems: { index: number; fault: EndorsementNvFault }[] = [];
  for (const index of keyIndices.value) {
    const name = NAME_OF_CERTIFICATE.get(index);
    // A vendor's own index may hold anything.
    if (name === undefined && BESIDES.has(index)) continue;
    const found = await readCertificate(tpm, index);
    if (found.ok) certificates.push({ ...(name && { name }), index, certificate: found.value });
    else if (name !== undefined) problems.push({ index, fault: found.fault });
  }

  const parts: { index: number; bytes: Uint8Array }[] = [];
  for (const index of chainIndices.value) {
    const part = await readNv(tpm, index);
    if (part.ok) parts.push({ index, bytes: part.value });
    else problems.push({ index, fault: part.fault });
  }
  const chain = certificatesOfChain(parts);
  return ok({ certificates, chain: chain.certificates, problems: [...problems, ...chain.problems] });
}

/** The certificate in an NV index, without the header and the padding that some vendors put around it. */
export async function readCertificate(
  tpm: Tpm,
  index: number,
): Promise<TpmResult<Uint8Array, Fault<'endorsement-certificate'>>> {
  const stored = await readNv(tpm, index);
  if (!stored.ok) return stored;
  const found = certificateFromNv(stored.value);
  if (!found.ok) return fail('endorsement-certificate', found.fault.detail, { cause: found.fault });
  const parsed = parseCertificate(found.value);
  return parsed.ok ? found : fail('endorsement-certificate', parsed.fault.detail, { cause: parsed.fault });
}

/**
 * The template that a TPM's maker used for a key: of the template's NV index, else the one given, with the nonce at the start of
 * `unique`. An index that holds neither (or cannot be read) counts as absent. A template in the nonce's index is taken for one, since
 * swtpm_setup puts L-2's there.
 */
export async function readTemplate(tpm: Tpm, place: EndorsementPlace, usual: PublicArea): Promise<PublicArea> {
  const own = areaIn(await readNv(tpm, place.templateIndex));
  if (place.nonceIndex === undefined) return own ?? usual;
  const beside = await readNv(tpm, place.nonceIndex);
  const misplaced = areaIn(beside);
  const template = own ?? misplaced ?? usual;
  return beside.ok && !misplaced ? (withNonce(template, beside.value) ?? template) : template;
}

function areaIn(stored: Result<Uint8Array>): PublicArea | undefined {
  const decoded = stored.ok ? decode(raw(TPMT_PUBLIC), stored.value) : stored;
  return decoded.ok ? decoded.value : undefined;
}

/** The profile's B.3.2: the nonce, then zeros up to the size of the key. Undefined where it is longer than that. */
function withNonce(template: PublicArea, nonce: Uint8Array): PublicArea | undefined {
  const width = uniqueWidth(template);
  if (width === undefined || nonce.length > width) return undefined;
  const start = new Uint8Array(width);
  start.set(nonce);
  return withUnique(template, start, new Uint8Array(width));
}

/**
 * The same template with zeros of full size where `unique` is empty, and the other way round: for a key of the high range,
 * tpm2-tools have zeros where others have nothing.
 */
export function withOtherUnique(template: PublicArea): PublicArea | undefined {
  const width = uniqueWidth(template);
  const { unique } = template.value;
  if (width === undefined || (unique.is !== 'rsa' && unique.is !== 'ecc')) return undefined;
  const now = unique.is === 'rsa' ? unique.value : unique.value.x;
  const other = new Uint8Array(now.length === 0 ? width : 0);
  return withUnique(template, other, other);
}

function withUnique(template: PublicArea, x: Uint8Array, y: Uint8Array): PublicArea {
  const isRsa = template.value.unique.is === 'rsa';
  return publicArea({
    ...template.value,
    unique: isRsa ? { is: 'rsa', value: x } : { is: 'ecc', value: { x, y } },
  });
}

/** Of a modulus or a coordinate, in bytes. */
function uniqueWidth({ value: { parameters } }: PublicArea): number | undefined {
  if (parameters.is === 'rsa') return parameters.value.keyBits / 8;
  return parameters.is === 'ecc' ? curveWidth(parameters.value.curveID) : undefined;
}

const PLACES = Object.entries(EK_PLACES) as [EkName, EndorsementPlace][];
const NAME_OF_CERTIFICATE = new Map(PLACES.map(([name, place]) => [place.certificateIndex, name]));
const BESIDES = new Set(PLACES.flatMap(([, place]) => [place.templateIndex, place.nonceIndex]));
