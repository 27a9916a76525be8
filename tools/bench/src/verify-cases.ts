import { createPublicKey, verify } from 'node:crypto';
import { decode, encode } from '@sekimori/codec';
import type { KeySpec, PublicKey } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { type EventLog, parseEventLog, type QuotedPcrs, reconcile, replay } from '@sekimori/event-log';
import { AttestationKey, type ExpectedQuote, VerifiedQuote } from '@sekimori/quote-verifier';
import { expectOk } from '@sekimori/result';
import { boot, QUOTED_PCRS, virtualHost } from '@sekimori/testkit';
import {
  AK_ECC_P256,
  AK_RSA_2048,
  pcrDigestOf,
  pointOf,
  publicArea,
  TPM_GENERATED_VALUE,
  TPM2B_PUBLIC,
  TPMS_ATTEST,
  TPMT_SIGNATURE,
  type TpmtPublic,
} from '@sekimori/tpm2';
import { bareHashes, bareVerify, inTurn } from './bare.ts';
import type { Case } from './case.ts';
import { hashesOf } from './hashes.ts';

/** Base: verifying one ECDSA P-256 signature, and the SHA-256 over the quoted values. */
export async function quoteCase(): Promise<Case> {
  const host = await virtualHost({ crypto, boot: boot('uki-snakeoil') });
  const extraData = crypto.random(32);
  const { quote, pcrs } = await host.evidence({ extraData });
  const attestationKey = expectOk(AttestationKey.enrol(crypto, (await host.attestationKey()).tpm2bPublic));
  const expected: ExpectedQuote = {
    attestationKey,
    extraData,
    selection: { bank: 'sha256', indices: QUOTED_PCRS },
    previous: undefined,
  };
  return {
    subject: () => expectOk(VerifiedQuote.verify(crypto, { ...quote, pcrs }, expected)),
    base: inTurn([1, bareVerify(quote.attest.length)], [1, bareHashes([['sha256', new Uint8Array(32 * pcrs.length)]])]),
  };
}

/** All 24 PCRs of the SHA-256 bank. Base: verifying the RSASSA signature alone, PKCS#1 v1.5 of a 2048-bit key. */
export const quoteRsaCase = (): Promise<Case> => bareQuoteCase({ type: 'rsa', bits: 2048 }, 'rsassa');

/** All 24 PCRs of the SHA-256 bank. Base: verifying the ECDSA P-256 signature alone. */
export const quoteEcCase = (): Promise<Case> => bareQuoteCase({ type: 'ec', curve: 'P-256' }, 'ecdsa');

/** A quote's TPMS_ATTEST over 24 PCRs, of 145 bytes. Base: one SHA-256 over as many bytes. */
export async function decodeCase(): Promise<Case> {
  const { evidence } = await quoteBy({ type: 'ec', curve: 'P-256' }, 'ecdsa');
  return {
    subject: () => expectOk(decode(TPMS_ATTEST, evidence.attest)),
    base: bareHashes([['sha256', evidence.attest]]),
  };
}

async function bareQuoteCase(spec: KeySpec, scheme: 'rsassa' | 'ecdsa'): Promise<Case> {
  const { evidence, expected, raw } = await quoteBy(spec, scheme);
  const key = createPublicKey({
    key: Buffer.from(expected.attestationKey.publicKey.spki),
    format: 'der',
    type: 'spki',
  });
  const base = scheme === 'rsassa' ? key : ({ key, dsaEncoding: 'ieee-p1363' } as const);
  return {
    subject: () => expectOk(VerifiedQuote.verify(crypto, evidence, expected)),
    base: () => verify('sha256', evidence.attest, base, raw),
  };
}

/** As a TPM signs it, with a key of ours. `raw`: the signature as node:crypto takes it. */
async function quoteBy(spec: KeySpec, scheme: 'rsassa' | 'ecdsa') {
  const pair = await crypto.generateKey(spec);
  const attestationKey = expectOk(
    AttestationKey.enrol(crypto, encode(TPM2B_PUBLIC, publicArea(areaOf(pair.publicKey)))),
  );
  const indices = Array.from({ length: 24 }, (_, index) => index);
  const pcrs = indices.map((index) => ({ index, value: crypto.random(32) }));
  const extraData = crypto.random(32);
  const pcrDigest = pcrDigestOf(
    crypto,
    'sha256',
    pcrs.map(({ value }) => value),
  );
  const attest = encode(TPMS_ATTEST, {
    magic: TPM_GENERATED_VALUE,
    type: 'quote',
    qualifiedSigner: attestationKey.qualifiedName,
    extraData,
    clockInfo: { clock: 1_000_000n, resetCount: 7, restartCount: 0, safe: true },
    firmwareVersion: 0x2019_0000_0000n,
    attested: { is: 'quote', value: { pcrSelect: [{ bank: 'sha256', indices }], pcrDigest } },
  });
  const raw = await pair.sign(`${scheme}-sha256`, attest);
  const [signatureR, signatureS] = [raw.subarray(0, 32), raw.subarray(32)];
  const signature = encode(
    TPMT_SIGNATURE,
    scheme === 'rsassa'
      ? { sigAlg: scheme, hash: 'sha256', sig: raw }
      : { sigAlg: scheme, hash: 'sha256', signatureR, signatureS },
  );
  const expected: ExpectedQuote = {
    attestationKey,
    extraData,
    selection: { bank: 'sha256', indices },
    previous: undefined,
  };
  return { evidence: { attest, signature, pcrs }, expected, raw };
}

function areaOf(key: PublicKey): TpmtPublic {
  return key.type === 'rsa'
    ? { ...AK_RSA_2048.value, unique: { is: 'rsa', value: key.modulus } }
    : { ...AK_ECC_P256.value, unique: { is: 'ecc', value: pointOf(key) } };
}

/** Parsing and reconciling the recorded boot that `attest` uses. Base: the same digests over ready-made buffers. */
export function replayCase(): Case {
  const bytes = boot('uki-snakeoil');
  const quoted = quotedBy(expectOk(parseEventLog(bytes)));
  return {
    subject: () => expectOk(reconcile(crypto, expectOk(parseEventLog(bytes)), quoted)),
    base: bareHashes(replayHashes(bytes)),
  };
}

/** What replaying a log hashes: one extend for each event, and the data of events whose digest is over it. */
export function replayHashes(bytes: Uint8Array) {
  const log = expectOk(parseEventLog(bytes));
  const quoted = quotedBy(log);
  return hashesOf((recording) => expectOk(reconcile(recording, log, quoted)));
}

function quotedBy(log: EventLog): QuotedPcrs {
  const values = expectOk(replay(crypto, log, 'sha256'));
  const reset = new Uint8Array(32);
  return { bank: 'sha256', indices: QUOTED_PCRS, pcr: (index) => values.get(index) ?? reset };
}
