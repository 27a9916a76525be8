import { concat, copyOf } from '@sekimori/bytes';
import { EV, parseEventLog } from '@sekimori/event-log';
import { expectOk } from '@sekimori/result';
import {
  AK_ECC_P256,
  type Attestation,
  certify,
  createPrimary,
  healthKeyPolicy,
  healthKeyTemplate,
  type LoadedKey,
  type PcrSelection,
  publicArea,
  quoteWithPcrs,
  readPcrs,
  type Tpm,
  TPM_RH,
} from '@sekimori/tpm2';
import { GROWING_PCR } from './pcrs.ts';
import type { VirtualHost } from './virtual-host.ts';

/** What a host sends to be attested. */
export interface Evidence {
  readonly quote: Attestation;
  readonly certify: Attestation;
  /** TPM2B_PUBLIC. */
  readonly healthKey: Uint8Array;
  readonly pcrs: readonly { readonly index: number; readonly value: Uint8Array }[];
  readonly eventLog: Uint8Array;
  /** Where PCR 10 is quoted. */
  readonly imaList?: Uint8Array;
}

export interface EvidenceRequest {
  /** Of quote and certification; a function where it depends on the Name of the health key. */
  readonly extraData: Uint8Array | ((healthKeyName: Uint8Array) => Uint8Array);
}

/** Ways for Evidence to be wrong, one thing at a time. Everything else about it is good. */
export const DEFECTS = {
  'quote-by-another-key': 'a key of the same TPM and template, in the owner hierarchy',
  'quote-changed': 'one bit of the TPMS_ATTEST',
  'quote-longer': 'a byte after the TPMS_ATTEST',
  'quote-signature-longer': 'a byte after the TPMT_SIGNATURE',
  'quote-for-another-request': 'other extraData',
  'quote-of-other-pcrs': 'PCR 16 instead of the last one asked for',
  'quote-is-certification': 'the certification in the place of the quote',
  'pcr-value-changed': 'one bit of a claimed value',
  'pcr-value-missing': 'one claimed value less than quoted',
  'pcr-value-twice': 'one claimed value in the place of another',
  'certify-by-another-key': 'as quote-by-another-key',
  'certify-changed': 'one bit of the TPMS_ATTEST',
  'certify-for-another-request': 'other extraData',
  'certify-of-another-key': 'the attestation key certified, not the health key',
  'certify-is-quote': 'the quote in the place of the certification',
  'certify-of-an-earlier-boot': 'certified, then booted again, then quoted',
  'health-key-of-the-owner': 'a key of the owner hierarchy, which survives the boot',
  'health-key-with-password': 'userWithAuth set: the policy can be passed by',
  'health-key-for-signing': 'a signing key',
  'health-key-of-fewer-pcrs': 'a policy over PCR 0 alone',
  'health-key-without-policy': 'an empty policy',
  'log-changed': 'one bit of a digest in the event log',
  'log-cut': 'the event log without its last byte',
} as const;
export type Defect = keyof typeof DEFECTS;

/** A register that no one asks for. */
const OTHER_PCR = 16;

export async function collectEvidence(
  host: VirtualHost,
  { extraData }: EvidenceRequest,
  defect?: Defect,
): Promise<Evidence> {
  const { tpm, selection } = host;
  const attestationKey = await host.attestationKey();
  const healthKey = defect?.startsWith('health-key-')
    ? await wrongHealthKey(tpm, selection, defect)
    : await host.healthKey();
  const binding = typeof extraData === 'function' ? extraData(healthKey.name) : extraData;
  const other = defect?.endsWith('by-another-key')
    ? expectOk(await createPrimary(tpm, TPM_RH.owner, AK_ECC_P256))
    : undefined;
  const signer = (part: string) => (other && defect?.startsWith(part) ? other : attestationKey);
  const nonce = (part: string) => (defect === `${part}-for-another-request` ? flipped(binding) : binding);
  const certified = defect === 'certify-of-another-key' ? attestationKey : healthKey;
  const certification = expectOk(await certify(tpm, certified, signer('certify'), nonce('certify')));
  if (defect === 'certify-of-an-earlier-boot') await host.boot();
  const quoted = defect === 'quote-of-other-pcrs' ? otherPcrs(selection) : selection;
  const quoter = defect === 'certify-of-an-earlier-boot' ? await host.attestationKey() : signer('quote');
  const { attest, signature, pcrs } = expectOk(await quoteWithPcrs(tpm, quoter, quoted, nonce('quote')));
  if (other) await tpm.flush(other.handle);
  if (defect?.startsWith('health-key-')) await tpm.flush(healthKey.handle);
  const good: Evidence = {
    quote: { attest, signature },
    certify: certification,
    healthKey: healthKey.tpm2bPublic,
    pcrs: [...pcrs].map(([index, value]) => ({ index, value })),
    eventLog: host.eventLog,
    ...(selection.indices.includes(GROWING_PCR) && { imaList: host.imaList }),
  };
  return spoilt(good, defect);
}

/** What can be done to Evidence after the TPM made it. */
function spoilt(good: Evidence, defect: Defect | undefined): Evidence {
  const { quote, certify: certification, pcrs, eventLog } = good;
  const [first, second, ...rest] = pcrs;
  if (!first || !second) throw new RangeError('Evidence needs two PCRs at least');
  switch (defect) {
    case 'quote-changed':
      return { ...good, quote: { ...quote, attest: flipped(quote.attest) } };
    case 'quote-longer':
      return { ...good, quote: { ...quote, attest: concat(quote.attest, Uint8Array.of(0)) } };
    case 'quote-signature-longer':
      return { ...good, quote: { ...quote, signature: concat(quote.signature, Uint8Array.of(0)) } };
    case 'quote-is-certification':
      return { ...good, quote: certification };
    case 'certify-changed':
      return { ...good, certify: { ...certification, attest: flipped(certification.attest) } };
    case 'certify-is-quote':
      return { ...good, certify: quote };
    case 'pcr-value-changed':
      return { ...good, pcrs: [{ ...first, value: flipped(first.value) }, second, ...rest] };
    case 'pcr-value-missing':
      return { ...good, pcrs: [second, ...rest] };
    case 'pcr-value-twice':
      return { ...good, pcrs: [second, second, ...rest] };
    case 'log-changed':
      return { ...good, eventLog: flipped(eventLog, firstDigestIn(eventLog)) };
    case 'log-cut':
      return { ...good, eventLog: eventLog.slice(0, -1) };
    default:
      return good;
  }
}

/** Where the first digest that a TPM was extended with stands. TCG_PCR_EVENT2: index, type, count, algorithm, digest. */
function firstDigestIn(eventLog: Uint8Array): number {
  const first = expectOk(parseEventLog(eventLog)).events.find(({ type }) => type !== EV.EV_NO_ACTION);
  if (!first) throw new RangeError('the log extends nothing');
  return first.offset + 14;
}

/** With every attribute but the one as the template has it. */
async function wrongHealthKey(tpm: Tpm, selection: PcrSelection, defect: Defect): Promise<LoadedKey> {
  const wanted = { ...selection, indices: selection.indices.filter((index) => index !== GROWING_PCR) };
  const covered = defect === 'health-key-of-fewer-pcrs' ? { ...wanted, indices: [0] } : wanted;
  const policy = healthKeyPolicy(tpm.crypto, covered, expectOk(await readPcrs(tpm, covered))) ?? new Uint8Array(0);
  const good = healthKeyTemplate(defect === 'health-key-without-policy' ? new Uint8Array(0) : policy).value;
  const attributes = good.objectAttributes;
  const template = {
    'health-key-with-password': { ...good, objectAttributes: { ...attributes, userWithAuth: true } },
    'health-key-for-signing': {
      ...good,
      objectAttributes: { ...attributes, decrypt: false, sign: true },
      parameters: AK_ECC_P256.value.parameters,
    },
  }[defect as string];
  const hierarchy = defect === 'health-key-of-the-owner' ? TPM_RH.owner : TPM_RH.null;
  return expectOk(await createPrimary(tpm, hierarchy, publicArea(template ?? good)));
}

function otherPcrs(selection: PcrSelection): PcrSelection {
  return { ...selection, indices: [...selection.indices.slice(0, -1), OTHER_PCR].toSorted((a, b) => a - b) };
}

function flipped(bytes: Uint8Array, at = bytes.length - 1): Uint8Array {
  const changed = copyOf(bytes);
  changed[at]! ^= 1;
  return changed;
}
