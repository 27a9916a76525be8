import { concat, toHex, u16be } from '@sekimori/bytes';
import { signingKeyOf } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { issueEndorsementAuthority, writeName } from '@sekimori/pki';
import { beforeAll, describe, expect, it } from 'vitest';
import { certificatesOfChain } from '../src/keys/endorsement-chain.ts';
import { COMMANDS, decodeCommand, encodeResponse, readEndorsementCertificates, Tpm } from '../src/index.ts';
import { encode } from '@sekimori/codec';
import { hex } from './bytes.ts';

let one: Uint8Array;
let two: Uint8Array;
beforeAll(async () => {
  const life = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2120-01-01T00:00:00Z') };
  const issue = async (CN: string) => {
    const key = signingKeyOf(await crypto.generateKey({ type: 'ec', curve: 'P-256' }));
    return (await issueEndorsementAuthority(crypto, { ...life, subject: writeName({ CN }), key })).der;
  };
  one = await issue('one');
  two = await issue('two');
});
const read = (...parts: readonly Uint8Array[]) => {
  const { certificates, problems } = certificatesOfChain(parts.map((bytes, at) => ({ index: 0x01c00100 + at, bytes })));
  const nameOf = (each: Uint8Array) => (toHex(each) === toHex(one) ? 'one' : toHex(each) === toHex(two) ? 'two' : '?');
  return {
    found: certificates.map(({ certificate }) => nameOf(certificate)),
    problems: problems.map(({ index, fault }) => [index - 0x01c00100, fault.code]),
  };
};
const bad = 'endorsement-certificate';

describe('the chain of an endorsement certificate in NV', () => {
  it.each([
    ['one in each index', () => [one, two]],
    ['all in one index', () => [concat(one, two)]],
    ['padded with 00 or FF', () => [concat(one, new Uint8Array(90)), concat(two, new Uint8Array(90).fill(0xff))]],
    ['padding in between', () => [concat(new Uint8Array(3), one, new Uint8Array(7).fill(0xff), two)]],
    ['TCG header', () => [concat(hex('100100'), u16be(one.length), one), two]],
    ['both TCG headers', () => [concat(hex('100100'), u16be(one.length + 2), hex('1002'), one, two)]],
    ['over three indices', () => [one.subarray(0, 1), one.subarray(1, 200), concat(one.subarray(200), two)]],
    ['cut at a boundary and in the header', () => [concat(one, two.subarray(0, 3)), two.subarray(3)]],
    ['an empty index', () => [new Uint8Array(0), one, new Uint8Array(0), two]],
  ])('is read: %s', (_, parts) => {
    expect(read(...parts())).toEqual({ found: ['one', 'two'], problems: [] });
  });
  it('is read around what is broken, which is a problem', () => {
    expect(read(one.subarray(0, 100), two)).toEqual({ found: ['two'], problems: [[0, bad]] });
    expect(read(one, two.subarray(0, 100))).toEqual({ found: ['one'], problems: [[1, bad]] });
    expect(read(hex('04020000'), two)).toEqual({ found: ['two'], problems: [[0, bad]] });
    expect(read(concat(one, hex('3003020101'), two))).toEqual({ found: ['one', 'two'], problems: [[0, bad]] });
    expect(read(hex('3084ffffffff'), one)).toEqual({ found: ['one'], problems: [[0, bad]] });
    expect(read(hex('10'), two)).toEqual({ found: ['two'], problems: [[0, bad]] });
  });
  it('is not looked for in an index that is full of something else', () => {
    const full = new Uint8Array(65_535).map((_, at) => (at % 2 === 0 ? 0x30 : 0));
    const { found, problems } = read(full, one, full, two);
    expect(found).toEqual(['one', 'two']);
    for (const index of [0, 2]) expect(problems.filter(([at]) => at === index)).toHaveLength(9);
    expect(problems).toHaveLength(18);
    const broken = hex('3003020101'.repeat(7));
    expect(read(concat(broken, one, broken.subarray(5)), two).found).toEqual(['one', 'two']);
  });
  it('is a value or a problem wherever a byte was changed', () => {
    const whole = concat(one, two);
    for (let at = 0; at < whole.length; at++) {
      const changed = Uint8Array.from(whole);
      changed[at]! ^= 0xff;
      const { found, problems } = read(changed.subarray(0, 300), changed.subarray(300));
      expect(found.length + problems.length).toBeGreaterThan(0);
    }
    for (let length = 1; length < one.length; length++)
      expect(read(one.subarray(0, length))).toEqual({ found: [], problems: [[0, bad]] });
  });
});

describe('a list of NV indices', () => {
  /** A TPM that lists these handles, and has nothing in them. */
  function listing(answers: readonly { readonly handles: readonly number[]; readonly moreData: boolean }[]) {
    let at = 0;
    const asked: number[] = [];
    const tpm = new Tpm(
      {
        transmit: async (bytes) => {
          const command = decodeCommand(bytes);
          if (!command.ok) throw new Error(command.fault.detail);
          if (command.value.name !== 'GetCapability')
            return encodeResponse(command.value.name, { responseCode: 0x18b, authorizations: [], parameters: hex('') });
          asked.push(new DataView(command.value.parameters.buffer, command.value.parameters.byteOffset).getUint32(4));
          const { handles, moreData } = answers[at++] ?? { handles: [], moreData: false };
          const capabilityData = { capability: 'handles', handles } as const;
          const parameters = encode(COMMANDS.GetCapability.response, { moreData, capabilityData });
          return encodeResponse('GetCapability', { responseCode: 0, authorizations: [], parameters });
        },
        close: async () => {},
      },
      crypto,
    );
    return { tpm, asked };
  }

  it('is asked for until it is complete, or beyond what is looked for', async () => {
    const { tpm, asked } = listing([
      { handles: [0x01c00002, 0x01c00003], moreData: true },
      { handles: [0x01c0000a, 0x01c08000], moreData: true },
      { handles: [0x01c00100], moreData: false },
    ]);
    const found = await readEndorsementCertificates(tpm);
    expect(asked).toEqual([0x01c00002, 0x01c00004, 0x01c00100]);
    expect(found).toMatchObject({
      value: {
        certificates: [],
        chain: [],
        problems: [0x01c00002, 0x01c0000a, 0x01c00100].map((index) => ({ index })),
      },
    });
  });
  it.each([
    ['goes back', [0x01c00005, 0x01c00004]],
    ['repeats itself', [0x01c00005, 0x01c00005]],
    ['begins before what was asked for', [0x01c00001]],
  ])('that %s is refused', async (_, handles) => {
    const { tpm } = listing([{ handles, moreData: true }]);
    expect(await readEndorsementCertificates(tpm)).toMatchObject({ fault: { code: 'tpm-malformed-response' } });
  });
});
