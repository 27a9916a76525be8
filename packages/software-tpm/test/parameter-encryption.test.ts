import { toHex } from '@sekimori/bytes';
import { kdfa, type RequestOf, type TpmTransport, TPMA_SESSION } from '@sekimori/tpm2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench } from './refusals/index.ts';
import { swtpm, swtpmMissing } from './swtpm.ts';
import { crypto, NONE, PASSWORD, send, softwareTpm } from './tpms.ts';

type Symmetric = RequestOf<'StartAuthSession'>['symmetric'];
const CIPHERS: readonly Symmetric[] = [
  { algorithm: 'aes', keyBits: 128, mode: 'cfb' },
  { algorithm: 'aes', keyBits: 256, mode: 'cfb' },
  { algorithm: 'xor', hashAlg: 'sha256' },
];
const NONCE = new Uint8Array(16).fill(9);

/** A new policy session's digest is 32 zeros: known plaintext for the response's encryption. */
async function encryptedZeros(transport: TpmTransport, symmetric: Symmetric) {
  const bench = new Bench(transport);
  const policy = await bench.session({ sessionType: 'policy' });
  const sessionHandle = await bench.session({ symmetric });
  const sessionAttributes = TPMA_SESSION.of('continueSession', 'encrypt');
  const { parameters, authorizations } = await send(transport, 'PolicyGetDigest', {
    handles: [policy],
    request: {},
    authorizations: [{ ...PASSWORD, sessionHandle, sessionAttributes, nonce: NONCE }],
  });
  await bench.flush();
  return { ciphertext: parameters.subarray(2), nonceTpm: authorizations[0]!.nonce };
}

/** Part 1, 21, with a session that is neither salted nor bound: the key is empty, so anyone can compute this. */
function expected(symmetric: Symmetric, nonceTpm: Uint8Array): Uint8Array {
  const derive = (label: string, bits: number) =>
    kdfa(crypto, 'sha256', NONE, label, nonceTpm, NONCE, bits).use((bytes) => Uint8Array.from(bytes));
  if (symmetric.algorithm !== 'aes') return derive('XOR', 256);
  const bytes = derive('CFB', symmetric.keyBits + 128);
  const [key, iv] = [bytes.subarray(0, symmetric.keyBits / 8), bytes.subarray(symmetric.keyBits / 8)];
  return crypto.aesCfb('encrypt', key, iv, new Uint8Array(32));
}

const title = (symmetric: Symmetric) =>
  symmetric.algorithm === 'aes' ? `AES-${symmetric.keyBits}` : symmetric.algorithm.toUpperCase();

describe.each(CIPHERS.map((symmetric) => ({ symmetric, name: title(symmetric) })))('$name', ({ symmetric }) => {
  it('encrypts the response of software-tpm', async () => {
    const { ciphertext, nonceTpm } = await encryptedZeros(softwareTpm().transport, symmetric);
    expect(toHex(ciphertext)).toBe(toHex(expected(symmetric, nonceTpm)));
  });
});

describe.skipIf(swtpmMissing())('swtpm', () => {
  let other: Awaited<ReturnType<typeof swtpm>>;
  beforeAll(async () => {
    other = await swtpm();
  });
  afterAll(() => other.close());

  it.each(CIPHERS.map((symmetric) => ({ symmetric, name: title(symmetric) })))(
    'encrypts its response as well ($name)',
    async ({ symmetric }) => {
      const { ciphertext, nonceTpm } = await encryptedZeros(other.transport, symmetric);
      expect(toHex(ciphertext)).toBe(toHex(expected(symmetric, nonceTpm)));
    },
  );
});
