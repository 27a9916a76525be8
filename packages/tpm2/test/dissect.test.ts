import { type Dissected, decode, dissect, encode } from '@sekimori/codec';
import { describe, expect, it } from 'vitest';
import {
  AK_ECC_P256,
  publicArea,
  TPM2B_PUBLIC,
  type TpmsAttest,
  TPMS_ATTEST,
  type TpmtSignature,
  TPMT_SIGNATURE,
} from '../src/index.ts';

const ATTEST: TpmsAttest = {
  magic: 0xff544347,
  type: 'quote',
  qualifiedSigner: new Uint8Array(34),
  extraData: new Uint8Array(32),
  clockInfo: { clock: 1000n, resetCount: 7, restartCount: 1, safe: true },
  firmwareVersion: 0x2019n,
  attested: {
    is: 'quote',
    value: { pcrSelect: [{ bank: 'sha256', indices: [0, 9] }], pcrDigest: new Uint8Array(32) },
  },
};
const SIGNATURE: TpmtSignature = {
  sigAlg: 'ecdsa',
  hash: 'sha256',
  signatureR: Uint8Array.of(1, 2),
  signatureS: Uint8Array.of(3),
};
const PUBLIC = publicArea({
  ...AK_ECC_P256.value,
  unique: { is: 'ecc', value: { x: new Uint8Array(32).fill(1), y: new Uint8Array(32).fill(2) } },
});

/** One line a value: indentation, offset+length, key, name. */
function outline({ name, key, offset, length, parts }: Dissected, depth = 0): readonly string[] {
  const label = key === undefined ? name : `${key}: ${name}`;
  return [`${'  '.repeat(depth)}${offset}+${length} ${label}`, ...parts.flatMap((part) => outline(part, depth + 1))];
}

function at(tree: Dissected, ...path: readonly (string | number)[]): Dissected {
  return path.reduce((node, key) => node.parts.find((part) => part.key === key)!, tree);
}

describe('structures as trees', () => {
  it('TPMS_ATTEST of a quote', () => {
    const { tree, fault } = dissect(TPMS_ATTEST, encode(TPMS_ATTEST, ATTEST));
    expect(fault).toBeUndefined();
    expect(outline(tree)).toEqual([
      '0+145 TPMS_ATTEST',
      '  0+4 magic: constant 0xff544347',
      '  4+2 type: TPMI_ST_ATTEST',
      '  6+36 qualifiedSigner: TPM2B_NAME',
      '  42+34 extraData: TPM2B_DATA',
      '  76+17 clockInfo: TPMS_CLOCK_INFO',
      '    76+8 clock: u64',
      '    84+4 resetCount: u32',
      '    88+4 restartCount: u32',
      '    92+1 safe: u8',
      '  93+8 firmwareVersion: u64',
      '  101+44 attested: TPMS_QUOTE_INFO',
      '    101+10 pcrSelect: list(TPMS_PCR_SELECTION)',
      '      101+4 count: u32',
      '      105+6 0: TPMS_PCR_SELECTION',
      '        105+2 bank: TPMI_ALG_HASH',
      '        107+4 indices: TPMS_PCR_SELECT',
      '    111+34 pcrDigest: TPM2B_DIGEST',
    ]);
    expect(at(tree, 'type').value).toBe('quote');
    expect(at(tree, 'clockInfo', 'safe').value).toBe(true);
    expect(at(tree, 'attested', 'pcrSelect', 0, 'indices').value).toEqual([0, 9]);
  });
  it('TPM2B_PUBLIC of an EC key, its attributes by name', () => {
    const { tree, fault } = dissect(TPM2B_PUBLIC, encode(TPM2B_PUBLIC, PUBLIC));
    expect(fault).toBeUndefined();
    expect(outline(tree)).toEqual([
      '0+90 TPM2B_PUBLIC',
      '  0+2 size: u16',
      '  2+88 TPMT_PUBLIC',
      '    2+2 type: TPMI_ALG_PUBLIC',
      '    4+2 nameAlg: TPMI_ALG_HASH',
      '    6+4 objectAttributes: TPMA_OBJECT',
      '    10+2 authPolicy: TPM2B_DIGEST',
      '    12+10 parameters: TPMS_ECC_PARMS',
      '      12+2 symmetric: TPMT_SYM_DEF_OBJECT',
      '        12+2 algorithm: TPMI_ALG_SYM_OBJECT',
      '      14+4 scheme: TPMT_ECC_SCHEME',
      '        14+2 scheme: TPMI_ALG_ECC_SCHEME',
      '        16+2 hashAlg: TPMI_ALG_HASH',
      '      18+2 curveID: TPMI_ECC_CURVE',
      '      20+2 kdf: TPMT_KDF_SCHEME',
      '        20+2 scheme: TPMI_ALG_KDF',
      '    22+68 unique: TPMS_ECC_POINT',
      '      22+34 x: TPM2B_ECC_PARAMETER',
      '      56+34 y: TPM2B_ECC_PARAMETER',
    ]);
    const area = tree.parts[1]!;
    expect(at(area, 'objectAttributes').value).toEqual(AK_ECC_P256.value.objectAttributes);
    expect(at(area, 'parameters', 'scheme', 'scheme').value).toBe('ecdsa');
  });
  it('TPMT_SIGNATURE, cut short', () => {
    const bytes = encode(TPMT_SIGNATURE, SIGNATURE);
    expect(outline(dissect(TPMT_SIGNATURE, bytes).tree)).toEqual([
      '0+11 TPMT_SIGNATURE',
      '  0+2 sigAlg: TPMI_ALG_SIG',
      '  2+2 hash: TPMI_ALG_HASH',
      '  4+4 signatureR: TPM2B_ECC_PARAMETER',
      '  8+3 signatureS: TPM2B_ECC_PARAMETER',
    ]);
    const cut = dissect(TPMT_SIGNATURE, bytes.subarray(0, 7));
    expect(outline(cut.tree)).toEqual([
      '0+6 TPMT_SIGNATURE',
      '  0+2 sigAlg: TPMI_ALG_SIG',
      '  2+2 hash: TPMI_ALG_HASH',
      '  4+2 signatureR: TPM2B_ECC_PARAMETER',
    ]);
    expect(cut.fault).toMatchObject({ code: 'malformed', detail: 'needs 2 bytes, 1 are left' });
  });
  it.each([
    ['TPMS_ATTEST', TPMS_ATTEST, encode(TPMS_ATTEST, ATTEST)],
    ['TPM2B_PUBLIC', TPM2B_PUBLIC, encode(TPM2B_PUBLIC, PUBLIC)],
    ['TPMT_SIGNATURE', TPMT_SIGNATURE, encode(TPMT_SIGNATURE, SIGNATURE)],
  ] as const)('%s: the faults are those of decode, whatever byte is cut off or changed', (_, codec, bytes) => {
    for (const index of bytes.keys())
      for (const input of [
        bytes.subarray(0, index),
        bytes.map((byte, each) => (each === index ? byte ^ 0xff : byte)),
      ]) {
        const decoded = decode<unknown>(codec, input);
        expect(dissect(codec, input).fault).toEqual(decoded.ok ? undefined : decoded.fault);
      }
  });
});
