import { concat, u16be } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { expectOk } from '@sekimori/result';
import { type PcrSelection, type TpmsAttest, TPMS_ATTEST } from '@sekimori/tpm2';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Counters, type ExpectedQuote, type PcrValue, VerifiedQuote } from '../src/index.ts';
import { crypto, damaged, type Forger, forger, NONCE, PCRS, quoteBy, SELECTION } from './forger.ts';

let enrolled: Forger;
let other: Forger;
beforeAll(async () => {
  [enrolled, other] = [await forger(), await forger()];
});

type Attested = Extract<TpmsAttest['attested'], { is: 'quote' }>['value'];

async function verify(
  change: {
    readonly attest?: Partial<TpmsAttest>;
    readonly attested?: Partial<Attested>;
    readonly bytes?: Uint8Array;
    readonly pcrs?: readonly PcrValue[];
    readonly expected?: Partial<ExpectedQuote>;
  } = {},
) {
  const { attested } = quoteBy(enrolled.key);
  const content = quoteBy(enrolled.key, {
    ...(change.attested
      ? { attested: { is: 'quote', value: { ...(attested.value as Attested), ...change.attested } } }
      : {}),
    ...change.attest,
  });
  const signed = await enrolled.sign(change.bytes ?? content);
  return VerifiedQuote.verify(crypto, { ...signed, pcrs: change.pcrs ?? PCRS }, { ...expected(), ...change.expected });
}

function expected(): ExpectedQuote {
  return { attestationKey: enrolled.key, extraData: NONCE, selection: SELECTION, previous: undefined };
}

const refused = (code: string) => ({ ok: false, fault: { code } });
const digestOf = (pcrs: readonly PcrValue[]) => crypto.hash('sha256', concat(...pcrs.map(({ value }) => value)));

describe('VerifiedQuote', () => {
  it('holds what was signed, and nothing else', async () => {
    const quote = expectOk(await verify());
    expect(quote.pcr(7)).toEqual(PCRS[7]!.value);
    expect(quote.pcr(10)).toBeUndefined();
    expect([...quote.pcrs.keys()]).toEqual(SELECTION.indices);
    expect(quote.selection).toEqual(SELECTION);
    expect(quote.counters).toEqual({ resetCount: 7, restartCount: 1, clock: 1000n, firmwareVersion: 0x2019n });
    expect(quote.clockSafe).toBe(true);
  });
  it('does not change when the caller’s buffers do', async () => {
    const pcrs = PCRS.map(({ index, value }) => ({ index, value: Uint8Array.from(value) }));
    const quote = expectOk(await verify({ pcrs }));
    for (const { value } of pcrs) value.fill(0xee);
    quote.pcr(3)!.fill(0xee);
    expect(quote.pcr(3)).toEqual(PCRS[3]!.value);
  });
  it('takes values and expected PCRs in any order', async () => {
    const selection = { ...SELECTION, indices: SELECTION.indices.toReversed() };
    expect((await verify({ pcrs: PCRS.toReversed(), expected: { selection } })).ok).toBe(true);
  });
  it('says when the clock is not safe', async () => {
    const clockInfo = { clock: 1000n, resetCount: 7, restartCount: 1, safe: false };
    expect(expectOk(await verify({ attest: { clockInfo } })).clockSafe).toBe(false);
  });
});

describe('refused as quote-signature', () => {
  it('a quote by another key', async () => {
    const signed = await other.sign(quoteBy(enrolled.key));
    expect(VerifiedQuote.verify(crypto, { ...signed, pcrs: PCRS }, expected())).toMatchObject(
      refused('quote-signature'),
    );
  });
  it('any change to the signed bytes', async () => {
    const signed = await enrolled.sign(quoteBy(enrolled.key));
    for (const attest of damaged(signed.attest)) {
      const verified = VerifiedQuote.verify(crypto, { ...signed, attest, pcrs: PCRS }, expected());
      expect(verified).toMatchObject(refused('quote-signature'));
    }
  });
  it('any change to the signature, a byte after it too', async () => {
    const signed = await enrolled.sign(quoteBy(enrolled.key));
    for (const signature of damaged(signed.signature)) {
      const verified = VerifiedQuote.verify(crypto, { ...signed, signature, pcrs: PCRS }, expected());
      expect(verified).toMatchObject(refused('quote-signature'));
    }
  });
  it('an oversized signature', async () => {
    const signed = await enrolled.sign(quoteBy(enrolled.key));
    const evidence = { ...signed, signature: new Uint8Array(5000), pcrs: PCRS };
    expect(VerifiedQuote.verify(crypto, evidence, expected())).toMatchObject(refused('quote-signature'));
  });
});

describe('refused as quote-malformed', () => {
  const bytesWith = (change: (bytes: Uint8Array) => Uint8Array) => change(encode(TPMS_ATTEST, quoteBy(enrolled.key)));
  it('another magic', async () => {
    const bytes = bytesWith((all) => Uint8Array.of(0xfe, ...all.subarray(1)));
    expect(await verify({ bytes })).toMatchObject(refused('quote-malformed'));
  });
  it('a byte after the structure', async () => {
    const bytes = bytesWith((all) => Uint8Array.of(...all, 0));
    expect(await verify({ bytes })).toMatchObject(refused('quote-malformed'));
  });
  it('each truncation', async () => {
    const whole = bytesWith((all) => all);
    for (let length = 0; length < whole.length; length += 7)
      expect(await verify({ bytes: whole.slice(0, length) })).toMatchObject(refused('quote-malformed'));
  });
  it('a name longer than any', async () => {
    const from = 6; // after magic and type
    const bytes = bytesWith((all) =>
      concat(all.subarray(0, from), u16be(67), new Uint8Array(67), all.subarray(from + 2 + 34)),
    );
    expect(await verify({ bytes })).toMatchObject(refused('quote-malformed'));
  });
  it('more than a TPM ever signs', async () => {
    // by its length alone, so that nobody has us hash what no TPM signs
    const evidence = { attest: new Uint8Array(1025), signature: new Uint8Array(0), pcrs: PCRS };
    expect(VerifiedQuote.verify(crypto, evidence, expected())).toMatchObject(refused('quote-malformed'));
  });
});

describe('refused', () => {
  it('quote-type: a certification in place of a quote', async () => {
    const attest: Partial<TpmsAttest> = {
      type: 'certify',
      attested: { is: 'certify', value: { name: enrolled.key.name, qualifiedName: enrolled.key.qualifiedName } },
    };
    expect(await verify({ attest })).toMatchObject(refused('quote-type'));
  });
  it('quote-type: an NV certification shaped like a quote', async () => {
    const attest: Partial<TpmsAttest> = {
      type: 'nv',
      attested: { is: 'nv', value: { indexName: enrolled.key.name, offset: 0, nvContents: NONCE } },
    };
    expect(await verify({ attest })).toMatchObject(refused('quote-type'));
  });
  it.each([
    ['another key’s qualified name', () => other.key.qualifiedName],
    ['the key’s plain Name', () => enrolled.key.name],
    ['none', () => new Uint8Array(0)],
  ])('quote-signer: %s', async (_, qualifiedSigner) => {
    expect(await verify({ attest: { qualifiedSigner: qualifiedSigner() } })).toMatchObject(refused('quote-signer'));
  });
  it.each([
    ['of another request', crypto.hash('sha256', NONCE)],
    ['cut short', NONCE.subarray(0, 31)],
    ['empty', new Uint8Array(0)],
  ])('quote-nonce: %s', async (_, extraData) => {
    expect(await verify({ attest: { extraData } })).toMatchObject(refused('quote-nonce'));
  });
  it.each<readonly [string, readonly PcrSelection[]]>([
    ['nothing', []],
    ['no PCR', [{ bank: 'sha256', indices: [] }]],
    ['a PCR less', [{ bank: 'sha256', indices: SELECTION.indices.slice(1) }]],
    ['a PCR more', [{ bank: 'sha256', indices: [...SELECTION.indices, 16] }]],
    ['another bank', [{ bank: 'sha384', indices: SELECTION.indices }]],
    ['the SHA-1 bank', [{ bank: 'sha1', indices: SELECTION.indices }]],
    ['a second bank', [SELECTION, { bank: 'sha1', indices: [0] }]],
    ['the bank twice', [SELECTION, SELECTION]],
    ['an empty bank before it', [{ bank: 'sha1', indices: [] }, SELECTION]],
  ])('quote-selection: %s', async (_, pcrSelect) => {
    expect(await verify({ attested: { pcrSelect } })).toMatchObject(refused('quote-selection'));
  });
  it.each([
    ['a value less', PCRS.slice(1)],
    ['a value more', [...PCRS, { index: 16, value: new Uint8Array(32) }]],
    ['a value twice', [...PCRS.slice(1), PCRS[1]!]],
    ['a value of a PCR that was not quoted', [...PCRS.slice(1), { index: 10, value: PCRS[0]!.value }]],
    ['a value of another length', [{ index: 0, value: PCRS[0]!.value.subarray(1) }, ...PCRS.slice(1)]],
    ['none', []],
  ])('quote-pcr-values: %s', async (_, pcrs) => {
    expect(await verify({ pcrs })).toMatchObject(refused('quote-pcr-values'));
  });
  it('quote-digest: a claimed value that was not quoted', async () => {
    const pcrs = PCRS.map(({ index, value }) => ({ index, value: index === 4 ? NONCE : value }));
    expect(await verify({ pcrs })).toMatchObject(refused('quote-digest'));
  });
  it('quote-digest: two values exchanged', async () => {
    const [first, second, ...more] = PCRS as [PcrValue, PcrValue, ...PcrValue[]];
    const pcrs = [{ index: 0, value: second.value }, { index: 1, value: first.value }, ...more];
    expect(await verify({ pcrs })).toMatchObject(refused('quote-digest'));
  });
  it.each([0, 1, 2, 3, 4, 5, 6, 7].flatMap((index) => [0x00, 0xff].map((byte) => [index, byte] as const)))(
    'quote-pcr-unextended: PCR %i full of %s',
    async (reset, byte) => {
      const pcrs = PCRS.map(({ index, value }) => ({
        index,
        value: index === reset ? new Uint8Array(32).fill(byte) : value,
      }));
      const outcome = await verify({ pcrs, attested: { pcrDigest: digestOf(pcrs) } });
      expect(outcome).toMatchObject(refused('quote-pcr-unextended'));
    },
  );
});

describe('counters', () => {
  const now: Counters = { resetCount: 7, restartCount: 1, clock: 1000n, firmwareVersion: 0x2019n };
  it.each<readonly [string, Partial<Counters>, string | undefined]>([
    ['equal', {}, undefined],
    ['from earlier in this boot', { clock: 999n }, undefined],
    ['from before a resume, its clock ahead', { restartCount: 0, clock: 5000n }, undefined],
    ['from an earlier boot, its clock ahead', { resetCount: 6, restartCount: 9, clock: 5000n }, undefined],
    ['from a later boot', { resetCount: 8, restartCount: 0, clock: 0n }, 'quote-reset-count'],
    ['from after a later resume', { restartCount: 2, clock: 0n }, 'quote-restart-count'],
    ['from later in this boot', { clock: 1001n }, 'quote-clock'],
    ['by later firmware, which is told and not judged', { firmwareVersion: 0x2020n }, undefined],
  ])('%s', async (_, previous, code) => {
    const outcome = await verify({ expected: { previous: { ...now, ...previous } } });
    expect(outcome).toMatchObject(code ? refused(code) : { ok: true });
  });
});

it('an unsafe clock is told, and held against the last accepted one all the same', async () => {
  const clockInfo = { clock: 1000n, resetCount: 7, restartCount: 1, safe: false };
  expect(expectOk(await verify({ attest: { clockInfo } })).clockSafe).toBe(false);
  const previous = { ...clockInfo, clock: 1001n, firmwareVersion: 0x2019n };
  expect(await verify({ attest: { clockInfo }, expected: { previous } })).toMatchObject(refused('quote-clock'));
});

describe('expectations that prove nothing are a bug', () => {
  it.each<readonly [string, Partial<ExpectedQuote>]>([
    ['a short nonce', { extraData: new Uint8Array(15) }],
    ['no PCR', { selection: { bank: 'sha256', indices: [] } }],
    ['a PCR twice', { selection: { bank: 'sha256', indices: [0, 0] } }],
    ['a SHA-1 bank', { selection: { bank: 'sha1' as never, indices: [0] } }],
  ])('%s', async (_, change) => {
    await expect(verify({ expected: change })).rejects.toThrow(RangeError);
  });
});
