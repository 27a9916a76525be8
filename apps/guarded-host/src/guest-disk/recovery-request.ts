import { equal, fromBase64, fromHex, toHex, utf8 } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import type { Crypto } from '@sekimori/crypto-core';
import { type ExplainedLog, explain, parseEventLog } from '@sekimori/event-log';
import { parseVmId, type VmId } from '@sekimori/guest-state';
import type { Guardian } from '@sekimori/key-protector';
import { NAME_ATTRIBUTE, parseCertificate, PURPOSE, verifySignature } from '@sekimori/pki';
import { AttestationKey, VerifiedQuote } from '@sekimori/quote-verifier';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import { readJson } from '@sekimori/service-kit/program';
import {
  AK_ECC_P256,
  COMMANDS,
  EK_RSA_2048,
  pcrDigestOf,
  type PcrSelection,
  PolicyDigest,
  type PublicArea,
  publicArea,
  TPM2B_PUBLIC,
} from '@sekimori/tpm2';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { RecoveryPart } from './guest-lines.ts';
import { BOOT_PCRS } from './layout.ts';

/** All that firmware, boot loader and initramfs extend. Not 10: it grows. */
export const RECOVERY_PCRS = {
  bank: 'sha256',
  indices: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14],
} as const satisfies PcrSelection;

/**
 * `recovery-malformed`: no such document, or for another VM. `recovery-endorsement-key`: the TPM is none that the owner certified
 * for this VM. `recovery-attestation-key`: not the key that a guest makes for a request, usable by what was booted alone.
 * `recovery-quote`: the PCRs are not those that the TPM signed for, or signed for another request.
 */
export type RecoveryFault = Fault<
  'recovery-malformed' | 'recovery-endorsement-key' | 'recovery-attestation-key' | 'recovery-quote'
>;

const Base64 = (maxLength: number) => Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$', maxLength });
const MAX_DOCUMENT = 1024 * 1024;

/** Public: it may take any way to the owner. All but the PCRs is base64. */
const RecoveryDocument = Type.Object(
  {
    type: Type.Literal('sekimori-recovery-request'),
    version: Type.Literal(1),
    vm: Base64(64),
    nonce: Base64(64),
    /** X.509, DER. */
    ek: Base64(4096),
    /** TPM2B_PUBLIC. */
    ak: Base64(1024),
    /** TPMS_ATTEST. */
    attest: Base64(2048),
    /** TPMT_SIGNATURE. */
    signature: Base64(1024),
    /** TCG event log of the firmware; empty where the guest has none. */
    log: Base64(MAX_DOCUMENT),
    pcrs: Type.Object(
      Object.fromEntries(RECOVERY_PCRS.indices.map((index) => [index, Type.String({ pattern: '^[0-9a-f]{64}$' })])),
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
);

/** What the guest said, as a document. What is missing is left empty: whoever opens it refuses it. */
export function writeRecoveryRequest(
  parts: ReadonlyMap<RecoveryPart, string>,
  pcrs: ReadonlyMap<number, Uint8Array>,
): Uint8Array {
  const part = (name: RecoveryPart) => parts.get(name) ?? '';
  const document: Static<typeof RecoveryDocument> = {
    type: 'sekimori-recovery-request',
    version: 1,
    vm: part('vm'),
    nonce: part('nonce'),
    ek: part('ek'),
    ak: part('ak'),
    attest: part('attest'),
    signature: part('signature'),
    log: part('log'),
    pcrs: Object.fromEntries([...pcrs].map(([index, value]) => [index, toHex(value)])),
  };
  return utf8(`${JSON.stringify(document)}\n`);
}

/** A guest that its owner can tell from others: which TPM it has, and what was booted on it. Having one is the proof. */
export class RecoveryRequest {
  readonly vmId: VmId;
  /** What the TPM signed for, in this boot. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  /** The firmware's log: `authenticated` says whether it explains these PCRs. Undefined where the guest has none that can be read. */
  readonly explained: ExplainedLog | undefined;
  /** Where the answer goes: the endorsement key that the owner certified, and the Name of a key of this boot. */
  readonly endorsementKey: PublicArea;
  readonly keyName: Uint8Array;

  private constructor(
    vmId: VmId,
    quote: VerifiedQuote,
    explained: ExplainedLog | undefined,
    endorsementKey: PublicArea,
  ) {
    this.vmId = vmId;
    this.pcrs = quote.pcrs;
    this.explained = explained;
    this.endorsementKey = endorsementKey;
    this.keyName = quote.attestationKey.name;
  }

  /** Those that a boot policy is over, for `signBootPolicy`. */
  get bootPcrs(): ReadonlyMap<number, Uint8Array> {
    return new Map(BOOT_PCRS.indices.map((index) => [index, this.pcrs.get(index) as Uint8Array]));
  }

  /** The endorsement key first: nothing that the guest says counts before it is known whose TPM speaks. */
  static open(
    this: void,
    crypto: Crypto,
    bytes: Uint8Array,
    expected: { readonly owner: Guardian; readonly vmId: VmId },
  ): Result<RecoveryRequest, RecoveryFault> {
    const document = readDocument(bytes);
    if (!document.ok) return document;
    const { vm, nonce, ek, ak, attest, signature, log, pcrs } = document.value;
    const vmId = parseVmId(new TextDecoder().decode(bytesOf(vm)));
    if (vmId === undefined || vmId !== expected.vmId) return fail('recovery-malformed', 'a request of another VM');
    if (bytesOf(nonce).length !== NONCE_BYTES) return fail('recovery-malformed', 'no nonce');
    const endorsementKey = certifiedKey(crypto, bytesOf(ek), expected);
    if (!endorsementKey.ok) return endorsementKey;
    const key = AttestationKey.enrol(crypto, bytesOf(ak));
    if (!key.ok) return fail('recovery-attestation-key', key.fault.detail, { cause: key.fault });
    const claimed = RECOVERY_PCRS.indices.map((index) => ({ index, value: fromHex(pcrs[index] ?? '') ?? NONE }));
    const quote = VerifiedQuote.verify(
      crypto,
      { attest: bytesOf(attest), signature: bytesOf(signature), pcrs: claimed },
      {
        attestationKey: key.value,
        extraData: recoveryBinding(crypto, vmId, bytesOf(nonce)),
        selection: RECOVERY_PCRS,
        previous: undefined,
      },
    );
    if (!quote.ok) return fail('recovery-quote', quote.fault.detail, { cause: quote.fault });
    if (!isBoundToBoot(crypto, key.value, quote.value))
      return fail('recovery-attestation-key', 'not a key for this boot alone');
    const parsed = parseEventLog(bytesOf(log));
    const explained = parsed.ok ? explain(crypto, parsed.value, { quoted: quotedOf(quote.value) }) : undefined;
    return ok(new RecoveryRequest(vmId, quote.value, explained, endorsementKey.value));
  }
}

export const openRecoveryRequest = RecoveryRequest.open;

const NONCE_BYTES = 32;
const NONE = new Uint8Array(0);

/** The extraData of the quote. Text, so that the guest can make it with a shell. */
export function recoveryBinding(crypto: Crypto, vmId: VmId, nonce: Uint8Array): Uint8Array {
  return crypto.hash('sha256', utf8(`sekimori recovery request 1\n${vmId}\n${toHex(nonce)}\n`));
}

/**
 * The policy of the key that the answer is made for: TPM2_ActivateCredential, while these PCRs stand. So nothing that is booted
 * later on this TPM can use an answer that was kept; and as the nonce goes into the key, neither can the same system.
 */
export function recoveryKeyPolicy(crypto: Crypto, pcrs: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const values = BOOT_PCRS.indices.map((index) => pcrs.get(index) ?? NONE);
  return PolicyDigest.start(crypto, 'sha256')
    .pcr([BOOT_PCRS], pcrDigestOf(crypto, 'sha256', values))
    .commandCode(COMMANDS.ActivateCredential.code).digest;
}

/** The attestation key's template, usable in its ADMIN role under that policy alone. */
export function recoveryKeyTemplate(authPolicy: Uint8Array): PublicArea {
  const { value } = AK_ECC_P256;
  return publicArea({ ...value, objectAttributes: { ...value.objectAttributes, adminWithPolicy: true }, authPolicy });
}

function isBoundToBoot(crypto: Crypto, key: AttestationKey, quote: VerifiedQuote): boolean {
  const area = decode(TPM2B_PUBLIC, key.tpm2bPublic);
  if (!area.ok) return false;
  const template = recoveryKeyTemplate(recoveryKeyPolicy(crypto, quote.pcrs)).value;
  return equal(publicArea({ ...template, unique: area.value.value.unique }).bytes, area.value.bytes);
}

/** The RSA endorsement key of a certificate that the owner's guardian signed for this VM, as the TPM's template makes it. */
function certifiedKey(
  crypto: Crypto,
  der: Uint8Array,
  { owner, vmId }: { readonly owner: Guardian; readonly vmId: VmId },
): Result<PublicArea, RecoveryFault> {
  const parsed = parseCertificate(der);
  if (!parsed.ok) return fail('recovery-endorsement-key', 'no certificate', { cause: parsed.fault });
  const certificate = parsed.value;
  if (!verifySignature(crypto, certificate, owner.signingKey))
    return fail('recovery-endorsement-key', 'not certified by the owner');
  const { extendedKeyUsage, basicConstraints } = certificate.extensions;
  const names = certificate.subject.values(NAME_ATTRIBUTE.CN);
  if (!extendedKeyUsage?.includes(PURPOSE.tcgEndorsementKey) || basicConstraints?.ca === true)
    return fail('recovery-endorsement-key', 'a certificate for something else');
  if (names.length !== 1 || names[0] !== vmId) return fail('recovery-endorsement-key', 'certified for another VM');
  const key = certificate.publicKey(crypto);
  if (!key.ok || key.value.type !== 'rsa') return fail('recovery-endorsement-key', 'not an RSA endorsement key');
  return ok(publicArea({ ...EK_RSA_2048.value, unique: { is: 'rsa', value: key.value.modulus } }));
}

function quotedOf(quote: VerifiedQuote) {
  const { bank, indices } = quote.selection;
  return { bank, indices, pcr: (index: number) => quote.pcr(index) };
}

function readDocument(bytes: Uint8Array): Result<Static<typeof RecoveryDocument>, RecoveryFault> {
  if (bytes.length > 2 * MAX_DOCUMENT) return fail('recovery-malformed', `${bytes.length} bytes`);
  const json = readJson(bytes);
  if (!json.ok) return fail('recovery-malformed', 'no JSON', { cause: json.fault });
  return Value.Check(RecoveryDocument, json.value) ? ok(json.value) : fail('recovery-malformed', 'another shape');
}

/** Empty for what is no base64: the checks refuse that. */
function bytesOf(text: string): Uint8Array {
  return fromBase64(text) ?? NONE;
}
