import { createHash } from 'node:crypto';
import { concat, toHex, u32be } from '@sekimori/bytes';
import { decode, encode } from '@sekimori/codec';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import {
  AK_RSAPSS_2048,
  amdEkCertificateUrl,
  EK_PLACES,
  EK_POLICY_A,
  EK_POLICY_B,
  EK_POLICY_C,
  EK_SM2_P256,
  EK_TEMPLATES,
  type EkTemplateName,
  IAK_TEMPLATES,
  IDEVID_TEMPLATES,
  intelEkCertificateUrl,
  nameOf,
  PolicyDigest,
  type PublicArea,
  SRK_RSA_2048,
  TPM_RH,
  TPMA_NV,
  TPMS_NV_PUBLIC,
  TPMT_PUBLIC,
  WELL_KNOWN,
} from '../src/index.ts';
import { hex } from './bytes.ts';

const A = '837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa';
const B256 = 'ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0';
const B384 = 'b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12';
const B512 = `b8221ca69e8550a4914de3faa6a18c072cc01208073a928d5d66d59ef79e49a4
  29c41a6b269571d57edb25fbdb1838425608b413cd616a5f6db5b6071af99bea`;
const low = `000b 000300b2 0020 ${A} 0006 0080 0043 0010`;
const high = (hash: string, policy: string, aes: string) => `${hash} 000300f2 ${policy} 0006 ${aes} 0043 0010`;

const PROFILE: Readonly<Record<EkTemplateName, string>> = {
  'L-1': `0001 ${low} 0800 00000000 0100 ${'00'.repeat(256)}`,
  'L-2': `0023 ${low} 0003 0010 0020 ${'00'.repeat(32)} 0020 ${'00'.repeat(32)}`,
  'H-1': `0001 ${high('000b', `0020 ${B256}`, '0080')} 0800 00000000 0000`,
  'H-2': `0023 ${high('000b', `0020 ${B256}`, '0080')} 0003 0010 0000 0000`,
  'H-3': `0023 ${high('000c', `0030 ${B384}`, '0100')} 0004 0010 0000 0000`,
  'H-4': `0023 ${high('000d', `0040 ${B512}`, '0100')} 0005 0010 0000 0000`,
  'H-6': `0001 ${high('000c', `0030 ${B384}`, '0100')} 0c00 00000000 0000`,
  'H-7': `0001 ${high('000c', `0030 ${B384}`, '0100')} 1000 00000000 0000`,
};
const IAK = '49414b';
const IDEVID = '494445564944';
const iakPolicy = '5437182326e414fca797d5f174615a1641f61255797c3a2b22c21d120b2d1e07';
const idevidPolicy = 'ad6b3a2284fd698a0710bf5cc1b9bdf15e2532e3f601fa4b93a6a8fa8de579ea';
const iakPolicy384 = '129d94ebf84556652c6eef43bbb757512ac87e52be7b349ca6ce4d826f749fcf672f51716c5cbb605f313bf345aab312';
const idevidPolicy512 = `7dd7500fd6c1b94f97a6af910da147301ef28f662fee06f225a4ccadda3b4e6b
  38e66b2f3ad5dee1a0503cd2daedb1e68cfe4f84b03a8cd22bb6a976f071a72f`;

const OTHERS: readonly (readonly [string, PublicArea, string])[] = [
  ['SRK RSA', SRK_RSA_2048, `0001 000b 00030472 0000 0006 0080 0043 0010 0800 00000000 0100 ${'00'.repeat(256)}`],
  ['AK RSAPSS, with noDA', AK_RSAPSS_2048, '0001 000b 00050472 0000 0010 0016 000b 0800 00000000 0000'],
  [
    'IAK RSA-2048',
    IAK_TEMPLATES['rsa-2048'],
    `0001 000b 000500f2 0020 ${iakPolicy} 0010 0016 000b 0800 00000000 0003 ${IAK}`,
  ],
  [
    'IAK P-256',
    IAK_TEMPLATES['ecc-p256'],
    `0023 000b 000500f2 0020 ${iakPolicy} 0010 0018 000b 0003 0010 0003 ${IAK} 0003 ${IAK}`,
  ],
  [
    'IAK RSA-3072',
    IAK_TEMPLATES['rsa-3072'],
    `0001 000c 000500f2 0030 ${iakPolicy384} 0010 0016 000c 0c00 00000000 0003 ${IAK}`,
  ],
  [
    'IDevID RSA-2048',
    IDEVID_TEMPLATES['rsa-2048'],
    `0001 000b 000400f2 0020 ${idevidPolicy} 0010 0010 0800 00000000 0006 ${IDEVID}`,
  ],
  [
    'IDevID P-521',
    IDEVID_TEMPLATES['ecc-p521'],
    `0023 000d 000400f2 0040 ${idevidPolicy512} 0010 0018 000d 0005 0010 0006 ${IDEVID} 0006 ${IDEVID}`,
  ],
];

describe('the bytes of templates', () => {
  it.each([
    ...Object.entries(PROFILE).map(([name, text]) => [name, EK_TEMPLATES[name as EkTemplateName].key, text] as const),
    ...OTHERS,
  ])('%s', (_, template, text) => {
    expect(toHex(template.bytes)).toBe(toHex(hex(text)));
    expect(decode(TPMT_PUBLIC, template.bytes)).toEqual({ ok: true, value: template.value });
    const { nameAlg } = template.value;
    const digest = createHash(nameAlg).update(hex(text)).digest('hex');
    expect(toHex(nameOf(crypto, template)).slice(4)).toBe(digest);
  });
  it('H-5, which has no algorithm that is computed here', () => {
    const policy = '167860a35f2c5c3567f9c927ac56c032f3b3a6462f8d037998e7a10f77fa454a';
    const text = `0023 0012 000300f2 0020 ${policy} 0013 0080 0043 0010 0020 0010 0000 0000`;
    expect(toHex(EK_SM2_P256)).toBe(toHex(hex(text)));
  });
});

describe('the places of endorsement keys', () => {
  it('are those of the profile, one for each template', () => {
    const at = Object.entries(EK_PLACES).map(([name, place]) => {
      const nonce = 'nonceIndex' in place ? place.nonceIndex : undefined;
      return [name, place.certificateIndex, nonce, place.templateIndex, place.persistentHandle];
    });
    expect(at).toEqual([
      ['L-1', 0x01c00002, 0x01c00003, 0x01c00004, 0x81010001],
      ['L-2', 0x01c0000a, 0x01c0000b, 0x01c0000c, 0x8101000a],
      ['H-1', 0x01c00012, undefined, 0x01c00013, 0x81010012],
      ['H-2', 0x01c00014, undefined, 0x01c00015, 0x81010014],
      ['H-3', 0x01c00016, undefined, 0x01c00017, 0x81010016],
      ['H-4', 0x01c00018, undefined, 0x01c00019, 0x81010018],
      ['H-5', 0x01c0001a, undefined, 0x01c0001b, 0x8101001a],
      ['H-6', 0x01c0001c, undefined, 0x01c0001d, 0x8101001c],
      ['H-7', 0x01c0001e, undefined, 0x01c0001f, 0x8101001e],
    ]);
    for (const [name, template] of Object.entries(EK_TEMPLATES)) {
      expect(template).toMatchObject({ name, ...EK_PLACES[name as EkTemplateName] });
    }
  });
  it('are where the well-known names say', () => {
    expect(WELL_KNOWN).toMatchObject({
      rsa2048EndorsementKey: 0x81010001,
      eccP384EndorsementKey: 0x81010016,
      rsa2048EndorsementCertificate: 0x01c00002,
      eccP384EndorsementCertificate: 0x01c00016,
    });
  });
});

describe('the policies of the EK Credential Profile', () => {
  it.each([
    ['sha256', 0x01c07f01, 34],
    ['sha384', 0x01c07f02, 50],
    ['sha512', 0x01c07f03, 66],
  ] as const)('A, B and C are what their definitions say (%s)', (hash, nvIndex, dataSize) => {
    const a = PolicyDigest.start(crypto, hash).secret(u32be(TPM_RH.endorsement)).digest;
    expect(toHex(a)).toBe(toHex(EK_POLICY_A[hash]));
    // The policy index I-n of the profile; PolicyAuthorizeNV starts anew from zeros. Part 3, 23.22.
    const attributes = expectOk(decode(TPMA_NV, hex('220f1008')));
    const area = encode(TPMS_NV_PUBLIC, { nvIndex, nameAlg: hash, attributes, authPolicy: a, dataSize });
    const name = concat(area.subarray(4, 6), crypto.hash(hash, area));
    const c = crypto.hash(hash, concat(new Uint8Array(a.length), u32be(0x192), name));
    expect(toHex(c)).toBe(toHex(EK_POLICY_C[hash]));
    expect(toHex(PolicyDigest.or(crypto, hash, [a, c]).digest)).toBe(toHex(EK_POLICY_B[hash]));
  });
});

describe('where vendors have certificates that NV has not', () => {
  const rsa = async () => (await crypto.generateKey({ type: 'rsa', bits: 2048 })).publicKey;
  const ec = async () => (await crypto.generateKey({ type: 'ec', curve: 'P-256' })).publicKey;
  const sha256 = (...parts: readonly Uint8Array[]) =>
    createHash('sha256')
      .update(concat(...parts))
      .digest();

  it('Intel: by a hash in base64url, its padding escaped', async () => {
    const [one, other] = [await rsa(), await ec()];
    if (one.type !== 'rsa' || other.type !== 'ec') throw new Error('other keys were asked for');
    const url = (digest: Buffer) => `https://ekop.intel.com/ekcertservice/${digest.toString('base64url')}%3D`;
    expect(intelEkCertificateUrl(crypto, one)).toBe(url(sha256(one.modulus, hex('010001'))));
    expect(intelEkCertificateUrl(crypto, other)).toBe(url(sha256(other.x, other.y)));
    expect(intelEkCertificateUrl(crypto, { ...one, exponent: 3 })).toBeUndefined();
  });
  it('AMD: by half a hash in hex', async () => {
    const [one, other] = [await rsa(), await ec()];
    if (one.type !== 'rsa' || other.type !== 'ec') throw new Error('other keys were asked for');
    const url = (digest: Buffer) => `https://ftpm.amd.com/pki/aia/${digest.toString('hex').toUpperCase().slice(0, 32)}`;
    expect(amdEkCertificateUrl(crypto, one)).toBe(url(sha256(hex('00002222 00010001'), one.modulus)));
    expect(amdEkCertificateUrl(crypto, other)).toBe(url(sha256(hex('00004444'), other.x, other.y)));
  });
});
