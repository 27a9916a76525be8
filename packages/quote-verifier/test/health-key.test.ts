import { concat } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { expectOk } from '@sekimori/result';
import {
  HEALTH_KEY_ATTRIBUTES,
  healthKeyPolicy,
  healthKeyTemplate,
  nameOf,
  type PublicArea,
  publicArea,
  qualifiedNameOfPrimary,
  TPM2B_PUBLIC,
  TPM_RH,
  type TpmsAttest,
  type TpmtPublic,
} from '@sekimori/tpm2';
import { beforeAll, describe, expect, it } from 'vitest';
import { VerifiedHealthKey, VerifiedQuote } from '../src/index.ts';
import { crypto, damaged, type Forger, forger, NONCE, PCRS, quoteBy, SELECTION } from './forger.ts';

let enrolled: Forger;
let other: Forger;
let quote: VerifiedQuote;
let template: TpmtPublic;

beforeAll(async () => {
  [enrolled, other] = [await forger(), await forger()];
  quote = await quoteOf(enrolled);
  const policy = healthKeyPolicy(crypto, SELECTION, new Map(PCRS.map(({ index, value }) => [index, value])))!;
  const { publicKey } = await crypto.generateKey({ type: 'ec', curve: 'P-256' });
  if (publicKey.type !== 'ec') throw new Error('an EC key was asked for');
  const { x, y } = publicKey;
  template = { ...healthKeyTemplate(policy).value, unique: { is: 'ecc', value: { x, y } } };
});

async function quoteOf(by: Forger, extraData = NONCE): Promise<VerifiedQuote> {
  const signed = await by.sign(quoteBy(by.key, { extraData }));
  const expected = { attestationKey: by.key, extraData, selection: SELECTION, previous: undefined };
  return expectOk(VerifiedQuote.verify(crypto, { ...signed, pcrs: PCRS }, expected));
}

function certificationOf(
  area: PublicArea,
  changes: Partial<TpmsAttest> = {},
  hierarchy: number = TPM_RH.null,
): TpmsAttest {
  const value = { name: nameOf(crypto, area), qualifiedName: qualifiedNameOfPrimary(crypto, area, hierarchy) };
  return quoteBy(enrolled.key, { type: 'certify', attested: { is: 'certify', value }, ...changes });
}

async function verify(
  change: {
    readonly area?: Partial<TpmtPublic>;
    readonly certified?: PublicArea;
    readonly attest?: Partial<TpmsAttest>;
    readonly hierarchy?: number;
    readonly signer?: Forger;
    readonly quote?: VerifiedQuote;
    readonly healthKey?: Uint8Array;
  } = {},
) {
  const area = publicArea({ ...template, ...change.area });
  const content = certificationOf(change.certified ?? area, change.attest, change.hierarchy);
  const signed = await (change.signer ?? enrolled).sign(content);
  const evidence = { ...signed, healthKey: change.healthKey ?? encode(TPM2B_PUBLIC, area) };
  const expected = { attestationKey: enrolled.key, extraData: NONCE, quote: change.quote ?? quote };
  return VerifiedHealthKey.verify(crypto, evidence, expected);
}

const refused = (code: string) => ({ ok: false, fault: { code } });
const eccWith = (value: object): Partial<TpmtPublic> =>
  ({ parameters: { is: 'ecc', value: { ...template.parameters.value, ...value } } }) as Partial<TpmtPublic>;

describe('VerifiedHealthKey', () => {
  it('is the certified key', async () => {
    const key = expectOk(await verify());
    expect(key.name).toEqual(nameOf(crypto, publicArea(template)));
    expect(key.publicKey.curve).toBe('P-256');
  });
  it('may leave its scheme open', async () => {
    expect((await verify({ area: eccWith({ scheme: { scheme: 'null' } }) })).ok).toBe(true);
  });
  it('leaves PCR 10 out of the policy it expects', async () => {
    const selection = { bank: 'sha256', indices: [...SELECTION.indices, 10].toSorted((a, b) => a - b) } as const;
    const ima = { index: 10, value: crypto.hash('sha256', NONCE) };
    const pcrs = [...PCRS, ima].toSorted((a, b) => a.index - b.index);
    const pcrDigest = crypto.hash('sha256', concat(...pcrs.map(({ value }) => value)));
    const attested = { is: 'quote', value: { pcrSelect: [selection], pcrDigest } } as const;
    const signed = await enrolled.sign(quoteBy(enrolled.key, { attested }));
    const expected = { attestationKey: enrolled.key, extraData: NONCE, selection, previous: undefined };
    const withIma = expectOk(VerifiedQuote.verify(crypto, { ...signed, pcrs }, expected));
    expect((await verify({ quote: withIma })).ok).toBe(true);
    const grown = healthKeyPolicy(crypto, selection, withIma.pcrs)!;
    expect(await verify({ quote: withIma, area: { authPolicy: grown } })).toMatchObject(refused('health-key-policy'));
  });
});

describe('refused', () => {
  it('health-key-signature: certified by another key', async () => {
    expect(await verify({ signer: other })).toMatchObject(refused('health-key-signature'));
  });
  it('health-key-signature: any change to attest or signature', async () => {
    const healthKey = encode(TPM2B_PUBLIC, publicArea(template));
    const good = { ...(await enrolled.sign(certificationOf(publicArea(template)))), healthKey };
    const expected = { attestationKey: enrolled.key, extraData: NONCE, quote };
    expect(VerifiedHealthKey.verify(crypto, good, expected).ok).toBe(true);
    for (const attest of damaged(good.attest))
      expect(VerifiedHealthKey.verify(crypto, { ...good, attest }, expected)).toMatchObject(
        refused('health-key-signature'),
      );
    for (const signature of damaged(good.signature))
      expect(VerifiedHealthKey.verify(crypto, { ...good, signature }, expected)).toMatchObject(
        refused('health-key-signature'),
      );
    for (const damage of damaged(healthKey))
      expect(VerifiedHealthKey.verify(crypto, { ...good, healthKey: damage }, expected).ok).toBe(false);
  });
  it('health-key-malformed: no public area', async () => {
    expect(await verify({ healthKey: new Uint8Array(3) })).toMatchObject(refused('health-key-malformed'));
  });
  it('health-key-malformed: more than a TPM ever signs', async () => {
    const healthKey = encode(TPM2B_PUBLIC, publicArea(template));
    const evidence = { attest: new Uint8Array(1025), signature: NONCE, healthKey };
    const expected = { attestationKey: enrolled.key, extraData: NONCE, quote };
    expect(VerifiedHealthKey.verify(crypto, evidence, expected)).toMatchObject(refused('health-key-malformed'));
  });
  it('health-key-type: a quote in place of a certification', async () => {
    const attest = quoteBy(enrolled.key);
    expect(await verify({ attest })).toMatchObject(refused('health-key-type'));
  });
  it('health-key-signer: another qualified signer', async () => {
    const attest = { qualifiedSigner: other.key.qualifiedName };
    expect(await verify({ attest })).toMatchObject(refused('health-key-signer'));
  });
  it('health-key-nonce: certified for another request', async () => {
    expect(await verify({ attest: { extraData: crypto.hash('sha256', NONCE) } })).toMatchObject(
      refused('health-key-nonce'),
    );
  });
  it('health-key-quote: a quote by another key, or of another request', async () => {
    expect(await verify({ quote: await quoteOf(other) })).toMatchObject(refused('health-key-quote'));
    const another = await quoteOf(enrolled, crypto.hash('sha256', NONCE));
    expect(await verify({ quote: another })).toMatchObject(refused('health-key-quote'));
  });
  it.each([
    ['after a reset', { clockInfo: { clock: 1000n, resetCount: 8, restartCount: 1, safe: true } }],
    ['after a resume', { clockInfo: { clock: 1000n, resetCount: 7, restartCount: 2, safe: true } }],
    ['by other firmware', { firmwareVersion: 0x2020n }],
  ])('health-key-counters: certified %s', async (_, attest) => {
    expect(await verify({ attest })).toMatchObject(refused('health-key-counters'));
  });
  it('health-key-name: another key than was certified', async () => {
    const certified = publicArea({ ...template, authPolicy: NONCE });
    expect(await verify({ certified })).toMatchObject(refused('health-key-name'));
  });
  it.each([
    ['owner', TPM_RH.owner],
    ['endorsement', TPM_RH.endorsement],
    ['platform', TPM_RH.platform],
  ])('health-key-hierarchy: a key of the %s hierarchy', async (_, hierarchy) => {
    expect(await verify({ hierarchy })).toMatchObject(refused('health-key-hierarchy'));
  });
  it.each(Object.keys(HEALTH_KEY_ATTRIBUTES) as (keyof typeof HEALTH_KEY_ATTRIBUTES)[])(
    'health-key-attributes: %s is not as the template says',
    async (attribute) => {
      const objectAttributes = { ...template.objectAttributes, [attribute]: !template.objectAttributes[attribute] };
      expect(await verify({ area: { objectAttributes } })).toMatchObject(refused('health-key-attributes'));
    },
  );
  it('health-key-algorithm: another scheme, curve, hash, cipher or point', async () => {
    const cases = [
      eccWith({ scheme: { scheme: 'ecdsa', hashAlg: 'sha256' } }),
      eccWith({ scheme: { scheme: 'ecdh', hashAlg: 'sha1' } }),
      eccWith({ curveID: 'P-384' }),
      eccWith({ kdf: { scheme: 'kdf2', hashAlg: 'sha256' } }),
      eccWith({ symmetric: { algorithm: 'aes', keyBits: 128, mode: 'cfb' } }),
      { nameAlg: 'sha384' },
      { unique: { is: 'ecc', value: { x: NONCE, y: NONCE } } },
      {
        type: 'rsa',
        parameters: {
          is: 'rsa',
          value: { symmetric: { algorithm: 'null' }, scheme: { scheme: 'null' }, keyBits: 2048, exponent: 0 },
        },
        unique: { is: 'rsa', value: new Uint8Array(256).fill(0xff) },
      },
    ] as const;
    for (const area of cases) expect(await verify({ area })).toMatchObject(refused('health-key-algorithm'));
  });
  it('health-key-algorithm: a sound key on P-384', async () => {
    const { publicKey } = await crypto.generateKey({ type: 'ec', curve: 'P-384' });
    if (publicKey.type !== 'ec') throw new Error('an EC key was asked for');
    const { x, y } = publicKey;
    const area = { ...eccWith({ curveID: 'P-384' }), unique: { is: 'ecc', value: { x, y } } } as const;
    expect(await verify({ area })).toMatchObject(refused('health-key-algorithm'));
  });
  it('health-key-policy: no policy, or one over other values or PCRs', async () => {
    const values = new Map(PCRS.map(({ index, value }) => [index, value]));
    const fewer = { bank: 'sha256', indices: SELECTION.indices.slice(1) } as const;
    const cases = [
      new Uint8Array(0),
      new Uint8Array(32),
      healthKeyPolicy(crypto, fewer, values)!,
      healthKeyPolicy(crypto, SELECTION, new Map(values).set(7, NONCE))!,
      healthKeyPolicy(crypto, { ...SELECTION, bank: 'sha384' }, values)!,
    ];
    for (const authPolicy of cases)
      expect(await verify({ area: { authPolicy } })).toMatchObject(refused('health-key-policy'));
  });
});
