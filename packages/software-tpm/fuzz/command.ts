import { concat, u16be, u32be } from '@sekimori/bytes';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { COMMANDS, decodeResponse, MAX_FRAME } from '@sekimori/tpm2';
import { createSoftwareTpm } from '../src/index.ts';

// RSA keys would take all the time: one serves for all
const rsaKey = nodeCrypto.generateKey({ type: 'rsa', bits: 2048 });
const { transport } = createSoftwareTpm({ crypto: nodeCrypto, rsaKey: () => rsaKey });
const CODES = Object.values(COMMANDS).map(({ code }) => code);

/** Whatever the bytes, the TPM answers: the bytes as a command, and as the body of a command they choose. */
export default async function fuzz(bytes: Uint8Array): Promise<void> {
  await answered(bytes);
  const [choice = 0, ...rest] = bytes.subarray(0, MAX_FRAME - 10);
  const code = CODES[choice % CODES.length] as number;
  const tag = choice >= 128 ? 0x8002 : 0x8001;
  await answered(concat(u16be(tag), u32be(10 + rest.length), u32be(code), Uint8Array.from(rest)));
}

async function answered(command: Uint8Array): Promise<void> {
  const response = await transport.transmit(command);
  const view = new DataView(response.buffer, response.byteOffset, response.length);
  const isWhole = response.length <= MAX_FRAME && response.length === view.getUint32(2);
  const isRefusal = decodeResponse('Startup', 0, response).ok && response.length === 10;
  if (!isWhole || (view.getUint32(6) !== 0 && !isRefusal)) throw new Error('not a response');
}
