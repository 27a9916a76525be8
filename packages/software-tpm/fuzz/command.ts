import { concat, u16be, u32be } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import {
  AK_ECC_P256,
  type Command,
  COMMANDS,
  createPrimary,
  decodeResponse,
  MAX_FRAME,
  SRK_ECC_P256,
  Tpm,
  TPM_RH,
  TPMA_NV,
  TPMS_NV_PUBLIC,
} from '@sekimori/tpm2';
import { createSoftwareTpm } from '../src/index.ts';

// RSA keys would take all the time: one serves for all
const rsaKey = nodeCrypto.generateKey({ type: 'rsa', bits: 2048 });
const software = createSoftwareTpm({ crypto: nodeCrypto, rsaKey: () => rsaKey });
const { transport } = software;
const ALL: readonly Command[] = Object.values(COMMANDS);
const INDEX = 0x01500001;
/** What there is after `prepare`, and what is always there. */
const HANDLES = [0x80000000, 0x80000001, 0x03000000, 0x02000001, INDEX, 0x10, ...Object.values(TPM_RH)];
const NONE = new Uint8Array(0);

/** Keys, sessions and an index, so that commands find something to work on; the bytes may have removed them. */
export async function prepare(): Promise<void> {
  software.reset();
  const tpm = new Tpm(transport, nodeCrypto);
  await createPrimary(tpm, TPM_RH.owner, AK_ECC_P256);
  await createPrimary(tpm, TPM_RH.owner, SRK_ECC_P256);
  for (const sessionType of ['policy', 'hmac'] as const)
    expectOk(
      await tpm.run('StartAuthSession', {
        handles: { tpmKey: TPM_RH.null, bind: TPM_RH.null },
        parameters: {
          nonceCaller: new Uint8Array(16),
          encryptedSalt: NONE,
          sessionType,
          symmetric: { algorithm: 'null' },
          authHash: 'sha256',
        },
      }),
    );
  const attributes = TPMA_NV.of('ownerRead', 'ownerWrite', 'authRead', 'noDA');
  const value = { nvIndex: INDEX, nameAlg: 'sha256', attributes, authPolicy: NONE, dataSize: 8 } as const;
  const publicInfo = { value, bytes: encode(TPMS_NV_PUBLIC, value) };
  await tpm.run('NV_DefineSpace', { handles: { authHandle: TPM_RH.owner }, parameters: { auth: NONE, publicInfo } });
  const handles = { authHandle: TPM_RH.owner, nvIndex: INDEX };
  await tpm.run('NV_Write', { handles, parameters: { data: new Uint8Array(8), offset: 0 } });
}

const PREPARE_EVERY = 256;
let run = 0;

/**
 * Whatever the bytes, the TPM answers: the bytes as a command, as the body of a command they choose, and as the parameters of
 * that command with handles and passwords that are right.
 */
export default async function fuzz(bytes: Uint8Array): Promise<void> {
  if (run++ % PREPARE_EVERY === 0) await prepare();
  await answered(bytes);
  const [choice = 0, ...rest] = bytes.subarray(0, MAX_FRAME - 64);
  const command = ALL[choice % ALL.length] as Command;
  await answered(framed(choice >= 128 ? 0x8002 : 0x8001, command.code, Uint8Array.from(rest)));
  const handles = command.handles.map((_, i) => u32be(HANDLES[(rest[i] ?? 0) % HANDLES.length] as number));
  const passwords = Array.from({ length: command.authorized }, () => EMPTY_PASSWORD);
  const area = passwords.length > 0 ? concat(u32be(passwords.length * EMPTY_PASSWORD.length), ...passwords) : NONE;
  const parameters = Uint8Array.from(rest.slice(handles.length));
  const body = concat(...handles, area, parameters);
  await answered(framed(passwords.length > 0 ? 0x8002 : 0x8001, command.code, body));
}

/** TPMS_AUTH_COMMAND. Part 2, 10.13.2. */
const EMPTY_PASSWORD = concat(u32be(TPM_RH.password), new Uint8Array(5));

function framed(tag: number, code: number, body: Uint8Array): Uint8Array {
  return concat(u16be(tag), u32be(10 + body.length), u32be(code), body);
}

async function answered(command: Uint8Array): Promise<void> {
  const response = await transport.transmit(command);
  const view = new DataView(response.buffer, response.byteOffset, response.length);
  const isWhole = response.length <= MAX_FRAME && response.length === view.getUint32(2);
  const isRefusal = decodeResponse('Startup', 0, response).ok && response.length === 10;
  if (!isWhole || (view.getUint32(6) !== 0 && !isRefusal)) throw new Error('not a response');
}
