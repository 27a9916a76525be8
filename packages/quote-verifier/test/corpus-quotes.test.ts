import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { concat, fromBase64, fromBase64Url, fromHex, fromUtf8, toHex, u16be } from '@sekimori/bytes';
import { blob, bytes, decode, decodePrefix, encode, listOf, struct, u16le, u32le } from '@sekimori/codec';
import { expectOk } from '@sekimori/result';
import { corpus } from '@sekimori/testkit';
import {
  AK_RSA_2048,
  nameOf,
  pcrDigestOf,
  publicArea,
  qualifiedNameOf,
  qualifiedNameOfPrimary,
  TPM2B_PUBLIC,
  TPM_RH,
  TPMS_ATTEST,
  TPMS_CREATION_DATA,
  TPMT_SIGNATURE,
} from '@sekimori/tpm2';
import { describe, expect, it } from 'vitest';
import { AttestationKey, type ExpectedQuote, type PcrValue, VerifiedAttestation, VerifiedQuote } from '../src/index.ts';
import { crypto, forger, NONCE } from './forger.ts';

// Quotes of other projects. Those of the lab's own boots are in corpus.test.ts.
const absent = corpus('keylime+keylime') === undefined;
if (absent) console.warn('skipped: the corpus is not here; SEKIMORI_CORPUS names its folder');
const GUARD = 'immune-gmbh+guard-oss/extracted';
/** Whose attestation key nobody recorded, so that no signature can be checked: their PCR digest is. */
const KEYLESS = ['dell-notebook-5eventlogs-WBCL', 'good-1', 'failed-1', 'IMN-SUPERMICRO-WBCL-Quote-AIKs'] as const;
if (!absent)
  for (const each of KEYLESS)
    console.warn(`${each}: no attestation key was recorded, so the quote's signature is not checked`);

const read = (path: string): Uint8Array => Uint8Array.from(readFileSync(corpus(path) ?? path));
const json = (path: string): unknown => JSON.parse(fromUtf8(read(path)) ?? '');
const base64 = (text: string): Uint8Array => fromBase64(text) ?? new Uint8Array(0);
const hex = (text: string): Uint8Array => fromHex(text) ?? new Uint8Array(0);
const sized = (content: Uint8Array): Uint8Array => concat(u16be(content.length), content);
const refused = (code: string) => ({ ok: false, fault: { code } });
const ALL = Array.from({ length: 24 }, (_, index) => index);

/** What `tpm2_quote -o` writes: C structures of a little-endian machine. 16 selections of 8 bytes, then the digests. */
const QUOTE_PCRS = struct('pcrs')
  .field('count', u32le)
  .field('selections', bytes(128))
  .field('lists', u32le)
  .field('digestCount', u32le)
  .field('digests', listOf(3, struct('digest').field('size', u16le).field('buffer', bytes(64))));
/** A key of Windows' provider for TPMs: TPM2B_PUBLIC follows the header. */
const KEY_BLOB = struct('PCPM')
  .field('magic', u32le)
  .field('headerLength', u32le)
  .field('typeAndFlags', bytes(8))
  .field('publicLength', u32le);
const TRUST_POINT = struct('trust point')
  .field('quote', blob(u32le, 1024))
  .field('tag', u32le)
  .field('signature', blob(u32le, 512));

interface Recorded {
  readonly attest: Uint8Array;
  readonly signature: Uint8Array;
  readonly pcrs: readonly PcrValue[];
  readonly expected: ExpectedQuote;
}

/** Its nonce and its signer are believed: what was asked for then is not recorded apart. */
function believed(attest: Uint8Array) {
  const { qualifiedSigner, extraData } = expectOk(decode(TPMS_ATTEST, attest));
  return { qualifiedSigner, extraData };
}

/** As recorded; then with another nonce, a PCR value changed, a byte of the signature changed. */
function verifiesAsRecorded({ attest, signature, pcrs, expected }: Recorded, code?: 'quote-pcr-unextended'): void {
  const evidence = { attest, signature, pcrs };
  const outcome = VerifiedQuote.verify(crypto, evidence, expected);
  // What was left unextended is found last: all else holds.
  expect(outcome).toMatchObject(code ? refused(code) : { ok: true });
  const nonce = { ...expected, extraData: crypto.hash('sha256', expected.extraData) };
  expect(VerifiedQuote.verify(crypto, evidence, nonce)).toMatchObject(refused('quote-nonce'));
  const [first, ...more] = pcrs as [PcrValue, ...PcrValue[]];
  const changed = [{ index: first.index, value: first.value.map((byte) => byte ^ 1) }, ...more];
  expect(VerifiedQuote.verify(crypto, { ...evidence, pcrs: changed }, expected)).toMatchObject(refused('quote-digest'));
  const forged = signature.map((byte, at) => (at === signature.length - 1 ? byte ^ 1 : byte));
  expect(VerifiedQuote.verify(crypto, { ...evidence, signature: forged }, expected)).toMatchObject(
    refused('quote-signature'),
  );
}

describe.skipIf(absent)('quotes of other projects', () => {
  it('keylime: RSASSA with SHA-256 over PCR 15, 16 and 22, by a child of the endorsement key', () => {
    const file = (name: string) => read(join('keylime+keylime/test-data/files', name));
    const ak = file('ak.pub');
    const area = expectOk(decode(TPM2B_PUBLIC, ak));
    expect(nameOf(crypto, area)).toEqual(file('ak.name'));
    const ek = qualifiedNameOfPrimary(crypto, expectOk(decode(TPM2B_PUBLIC, file('ek.pub'))), TPM_RH.endorsement);
    const attestationKey = expectOk(AttestationKey.enrol(crypto, ak, qualifiedNameOf(crypto, area, ek)));
    const { digests } = expectOk(decodePrefix(QUOTE_PCRS, file('quotepcr.out'))).value;
    const indices = [15, 16, 22];
    const attest = file('quote.out');
    verifiesAsRecorded({
      attest,
      signature: file('quotesig.out'),
      pcrs: digests.map(({ size, buffer }, at) => ({ index: indices[at] as number, value: buffer.slice(0, size) })),
      expected: {
        attestationKey,
        extraData: believed(attest).extraData,
        selection: { bank: 'sha256', indices },
        previous: undefined,
      },
    });
  });
  it('confidential-containers/trustee: an Azure vTPM, its key from the report, a nonce of 9 bytes', () => {
    const recorded = json('confidential-containers+trustee/deps/verifier/test_data/az-snp-vtpm/evidence-v1.json') as {
      readonly hcl_report: string;
      readonly tpm_quote: { readonly message: string; readonly signature: string; readonly pcrs: readonly string[] };
    };
    const report = Buffer.from(recorded.hcl_report, 'base64').toString('latin1');
    const keys = JSON.parse(report.slice(report.indexOf('{"keys"'), report.lastIndexOf('}') + 1)) as {
      readonly keys: readonly { readonly kid: string; readonly n: string }[];
    };
    const modulus = fromBase64Url(keys.keys.find(({ kid }) => kid === 'HCLAkPub')?.n ?? '') ?? new Uint8Array(0);
    const { message, signature, pcrs } = recorded.tpm_quote;
    const attest = hex(message);
    const { qualifiedSigner, extraData } = believed(attest);
    // It has the bare key only, so the public area around it is ours.
    const area = publicArea({ ...AK_RSA_2048.value, unique: { is: 'rsa', value: modulus } });
    const attestationKey = expectOk(AttestationKey.enrol(crypto, encode(TPM2B_PUBLIC, area), qualifiedSigner));
    const expected = {
      attestationKey,
      extraData,
      selection: { bank: 'sha256', indices: ALL },
      previous: undefined,
    } as const;
    const evidence = {
      attest,
      signature: encode(TPMT_SIGNATURE, { sigAlg: 'rsassa', hash: 'sha256', sig: hex(signature) }),
      pcrs: pcrs.map((value, index) => ({ index, value: hex(value) })),
    };
    expect(() => VerifiedQuote.verify(crypto, evidence, expected)).toThrow(RangeError);
    verifiesAsRecorded({ ...evidence, expected: { ...expected, insecureShortNonce: true } });
  });
  it('google/go-attestation: a Windows key of RSASSA with SHA-1, over the SHA-1 bank, without a nonce', () => {
    const recorded = json('google+go-attestation/attest/testdata/windows_gcp_shielded_vm.json') as {
      readonly AK: Readonly<Record<'Public' | 'CreateData' | 'CreateAttestation' | 'CreateSignature', string>>;
      readonly Quote: { readonly Quote: string; readonly Signature: string };
      readonly Log: { readonly PCRs: readonly { readonly Index: number; readonly Digest: string }[] };
    };
    const tpm2bPublic = sized(base64(recorded.AK.Public));
    const attest = base64(recorded.Quote.Quote);
    const { qualifiedSigner, extraData } = believed(attest);
    expect(AttestationKey.enrol(crypto, tpm2bPublic, qualifiedSigner)).toMatchObject(
      refused('attestation-key-algorithm'),
    );
    const attestationKey = expectOk(AttestationKey.enrol(crypto, tpm2bPublic, qualifiedSigner, { insecureSha1: true }));
    const pcrs = recorded.Log.PCRs.map(({ Index, Digest }) => ({ index: Index, value: base64(Digest) }));
    const weak = { extraData, insecureShortNonce: true, previous: undefined } as const;
    const selection = { bank: 'sha1', indices: ALL, insecureSha1: true } as const;
    const signature = base64(recorded.Quote.Signature);
    const expected = { attestationKey, selection, ...weak };
    // Google's firmware of then measured nothing into PCR 1, 2, 3 and 6.
    verifiesAsRecorded({ attest, signature, pcrs, expected }, 'quote-pcr-unextended');

    const { CreateAttestation, CreateSignature, CreateData } = recorded.AK;
    const creation = expectOk(
      VerifiedAttestation.verify(
        crypto,
        'creation',
        { attest: base64(CreateAttestation), signature: base64(CreateSignature) },
        { attestationKey, ...weak },
      ),
    );
    expect(creation.attested.objectName).toEqual(attestationKey.name);
    expect(creation.attested.creationHash).toEqual(crypto.hash('sha256', base64(CreateData)));
    expect(decode(TPMS_CREATION_DATA, base64(CreateData)).ok).toBe(true);
  });
  it('google/go-tpm-tools: one key, a quote of each bank, with nonce 0x9009', () => {
    const message = protobuf(read('google+go-tpm-tools/internal/test/attestations/gce-cos-85-nonce9009.pb'));
    const tpm2bPublic = sized(message.get(1)?.[0] as Uint8Array);
    const banks = (message.get(2) as readonly Uint8Array[]).map((part) => {
      const quote = protobuf(part);
      const [attest, signature, pcrs] = [1, 2, 3].map((field) => quote.get(field)?.[0]) as Uint8Array[];
      const values = protobuf(pcrs as Uint8Array).get(2) as readonly Uint8Array[];
      const entries = values.map((entry) => protobuf(entry));
      return {
        attest: attest as Uint8Array,
        signature: signature as Uint8Array,
        // protobuf leaves out a key of 0
        pcrs: entries.map((entry) => ({
          index: Number(entry.get(1)?.[0] ?? 0),
          value: entry.get(2)?.[0] as Uint8Array,
        })),
      };
    });
    const extraData = Uint8Array.of(0x90, 0x09);
    const seen = banks.map(({ attest, signature, pcrs }) => {
      const { attested, qualifiedSigner } = expectOk(decode(TPMS_ATTEST, attest));
      if (attested.is !== 'quote') throw new Error('a quote was recorded');
      const bank = attested.value.pcrSelect[0]?.bank;
      const attestationKey = expectOk(AttestationKey.enrol(crypto, tpm2bPublic));
      expect(attestationKey.qualifiedName).toEqual(qualifiedSigner);
      if (bank === undefined) throw new Error('a bank was quoted');
      const selection =
        bank === 'sha1' ? ({ bank, indices: ALL, insecureSha1: true } as const) : ({ bank, indices: ALL } as const);
      verifiesAsRecorded({
        attest,
        signature,
        pcrs,
        expected: { attestationKey, extraData, selection, previous: undefined, insecureShortNonce: true },
      });
      return bank;
    });
    expect(seen).toEqual(['sha1', 'sha256', 'sha384']);
  });
  it('immune-gmbh/guard-oss: the trust point of a Windows log, RSASSA with SHA-1 over SHA-256 PCRs', () => {
    const folder = join(GUARD, 'IMN-SUPERMICRO-WBCL-Quote-AIKs.evidence');
    const keyBlob = read(join(folder, 'pcp-keys/bla.bin'));
    const { headerLength, publicLength } = expectOk(decodePrefix(KEY_BLOB, keyBlob)).value;
    const tpm2bPublic = keyBlob.slice(headerLength, headerLength + publicLength);
    // In the log: tag, length and TPMS_ATTEST; tag, length and the bare signature.
    const log = read('immune-gmbh+guard-oss/apisrv/test/supermicro-WBCL-OSLOAD-quoted.log');
    const start = Buffer.from(log).indexOf('ff5443478018', 'hex') - 4;
    const { quote, signature } = expectOk(decodePrefix(TRUST_POINT, log.subarray(start))).value;
    const { qualifiedSigner, extraData } = believed(quote);
    const attestationKey = expectOk(AttestationKey.enrol(crypto, tpm2bPublic, qualifiedSigner, { insecureSha1: true }));
    const indices = [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 13, 14, 15];
    const { replayedPcrs } = json(
      'expected/immune-gmbh__guard-oss__apisrv__test__supermicro-WBCL-OSLOAD-quoted.log.json',
    ) as { readonly replayedPcrs: { readonly sha256: Readonly<Record<number, string>> } };
    const valueOf = (index: number) => hex(replayedPcrs.sha256[index] ?? '00'.repeat(32));
    verifiesAsRecorded({
      attest: quote,
      signature: encode(TPMT_SIGNATURE, { sigAlg: 'rsassa', hash: 'sha1', sig: signature }),
      pcrs: indices.map((index) => ({ index, value: valueOf(index) })),
      expected: { attestationKey, extraData, selection: { bank: 'sha256', indices }, previous: undefined },
    });
  });
  it.each(KEYLESS)('immune-gmbh/guard-oss, %s: the PCR digest holds', (name) => {
    const folder = join(GUARD, `${name}.evidence`);
    const { attested } = expectOk(decode(TPMS_ATTEST, read(join(folder, 'quote.bin'))));
    const signature = expectOk(decode(TPMT_SIGNATURE, read(join(folder, 'quote.sig.bin'))));
    const values = json(join(folder, 'pcrs.json')) as Readonly<Record<string, Readonly<Record<number, string>>>>;
    if (attested.is !== 'quote') throw new Error('a quote was recorded');
    const { pcrSelect, pcrDigest } = attested.value;
    const quoted = pcrSelect.flatMap(({ bank, indices }) => indices.map((index) => hex(values[bank]?.[index] ?? '')));
    expect(signature).toMatchObject({ sigAlg: 'ecdsa', hash: 'sha256' });
    expect(toHex(pcrDigestOf(crypto, 'sha256', quoted))).toBe(toHex(pcrDigest));
  });
  it('google/go-eventlog: a quote of TPM 1.2 is refused, whoever signed it', async () => {
    const { Quote } = json('google+go-eventlog/testdata/legacydata/linux_tpm12.json') as {
      readonly Quote: { readonly Quote: string; readonly Signature: string };
    };
    const by = await forger();
    const attest = base64(Quote.Quote);
    const selection = { bank: 'sha256', indices: ALL } as const;
    const expected = { attestationKey: by.key, extraData: NONCE, selection, previous: undefined };
    const outcome = (signature: Uint8Array) => VerifiedQuote.verify(crypto, { attest, signature, pcrs: [] }, expected);
    expect(outcome(base64(Quote.Signature))).toMatchObject(refused('quote-signature'));
    expect(outcome((await by.sign(attest)).signature)).toMatchObject(refused('quote-malformed'));
  });
});

/** Length-delimited fields and numbers, by field: enough of the wire format for one file. */
function protobuf(message: Uint8Array): ReadonlyMap<number, readonly (Uint8Array | number)[]> {
  const fields = new Map<number, (Uint8Array | number)[]>();
  let at = 0;
  const varint = (): number => {
    for (let value = 0, scale = 1; ; scale *= 128) {
      const byte = message[at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const length = varint();
    const isBytes = (tag & 7) === 2;
    const value = isBytes ? message.slice(at, at + length) : length;
    if (isBytes) at += length;
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), value]);
  }
  return fields;
}
