import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBase64, fromHex, toHex } from '@sekimori/bytes';
import { decode, encode } from '@sekimori/codec';
import { expectOk } from '@sekimori/result';
import { corpus } from '@sekimori/testkit';
import { AK_RSA_2048, publicArea, TPM2B_PUBLIC, TPMS_ATTEST } from '@sekimori/tpm2';
import { describe, expect, it } from 'vitest';
import { AttestationKey, EndorsementKey, type ExpectedQuote, VerifiedQuote } from '../src/index.ts';
import { crypto } from './forger.ts';
import { RECORDED_BOOTS, RECORDED_PCRS, recordedBoot } from './recorded-boots.ts';

const recordings = corpus('lab-ovmf');
const absent = recordings === undefined;
if (absent) console.warn('skipped: the corpus is not here; SEKIMORI_CORPUS names its folder');

/** A recorded boot with its key enrolled. */
function recorded(boot: (typeof RECORDED_BOOTS)[number]) {
  const { ekPublic, akPublic, akName, qualifiedName, attest, signature, pcrs, extraData } = recordedBoot(
    join(recordings ?? '', boot),
  );
  expectOk(EndorsementKey.check(crypto, ekPublic));
  return {
    akPublic,
    akName,
    attestationKey: expectOk(AttestationKey.enrol(crypto, akPublic, qualifiedName)),
    evidence: { attest, signature, pcrs },
    extraData,
  };
}

describe.skipIf(absent)('recorded boots of the lab', () => {
  it.each(RECORDED_BOOTS)('%s verifies, and not for another request, key, place or PCR value', (boot) => {
    const { attestationKey, akPublic, akName, evidence, extraData } = recorded(boot);
    const expected = { attestationKey, extraData, selection: RECORDED_PCRS, previous: undefined };
    const quote = expectOk(VerifiedQuote.verify(crypto, evidence, expected));
    expect(quote.pcr(7)).toEqual(evidence.pcrs[7]!.value);
    expect(toHex(attestationKey.name)).toBe(toHex(akName));

    const code = (change: Partial<ExpectedQuote>, changed = evidence) => {
      const outcome = VerifiedQuote.verify(crypto, changed, { ...expected, ...change });
      return outcome.ok ? 'ok' : outcome.fault.code;
    };
    expect(code({ extraData: crypto.hash('sha256', extraData) })).toBe('quote-nonce');
    expect(code({ attestationKey: expectOk(AttestationKey.enrol(crypto, akPublic)) })).toBe('quote-signer');
    const otherBoot = boot === 'direct-plain' ? 'uki-plain' : 'direct-plain';
    expect(code({ attestationKey: recorded(otherBoot).attestationKey })).toBe('quote-signature');
    const pcrs = evidence.pcrs.map(({ index, value }) => ({
      index,
      value: index === 9 ? crypto.hash('sha256', value) : value,
    }));
    expect(code({}, { ...evidence, pcrs })).toBe('quote-digest');
  });
  it('uki-plain-reboot: the counters went up by a reset', () => {
    const [first, second] = (['uki-plain', 'uki-plain-reboot'] as const).map((boot) => {
      const { attestationKey, evidence, extraData } = recorded(boot);
      const expected = { attestationKey, extraData, selection: RECORDED_PCRS, previous: undefined };
      return expectOk(VerifiedQuote.verify(crypto, evidence, expected)).counters;
    });
    expect(second!.resetCount).toBe(first!.resetCount + 1);
  });
});

describe.skipIf(absent)('evidence of another project', () => {
  it('confidential-containers/trustee: signature and digest hold, and the TPM measured nothing', () => {
    const file = 'confidential-containers+trustee/deps/verifier/test_data/tpm_evidence.json';
    const evidence = JSON.parse(readFileSync(corpus(file) ?? file, 'utf8')) as {
      readonly ak_public: string;
      readonly tpm_quote: { readonly message: string; readonly signature: string; readonly pcrs: readonly string[] };
    };
    const { message, signature, pcrs } = evidence.tpm_quote;
    // It has the bare key only, so the public area around it is ours.
    const key = expectOk(crypto.publicKey({ type: 'spki', der: fromBase64(evidence.ak_public)! }));
    if (key.type !== 'rsa') throw new Error('an RSA key was recorded');
    const area = publicArea({ ...AK_RSA_2048.value, unique: { is: 'rsa', value: key.modulus } });
    const attest = fromBase64(message)!;
    const { qualifiedSigner, extraData } = expectOk(decode(TPMS_ATTEST, attest));
    const attestationKey = expectOk(AttestationKey.enrol(crypto, encode(TPM2B_PUBLIC, area), qualifiedSigner));
    const indices = pcrs.map((_, index) => index);
    const outcome = VerifiedQuote.verify(
      crypto,
      {
        attest,
        signature: fromBase64(signature)!,
        pcrs: pcrs.map((value, index) => ({ index, value: fromHex(value)! })),
      },
      { attestationKey, extraData, selection: { bank: 'sha256', indices }, previous: undefined },
    );
    expect(outcome).toMatchObject({ fault: { code: 'quote-pcr-unextended' } });
  });
});
