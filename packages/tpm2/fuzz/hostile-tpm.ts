import { encode } from '@sekimori/codec';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import type { Result } from '@sekimori/result';
import {
  AK_ECC_P256,
  type CommandName,
  COMMANDS,
  commandName,
  createHealthKey,
  createPrimary,
  decodeCommand,
  encodeResponse,
  getRandom,
  MAX_FRAME,
  openEndorsementKey,
  quoteWithPcrs,
  readNv,
  readPcrs,
  Tpm,
  TPM2B_PUBLIC,
  TPM_RH,
  TPMA_SESSION,
  type TpmTransport,
  tpmProperties,
} from '../src/index.ts';
import { parametersOf } from '../test/samples.ts';

const SELECTION = { bank: 'sha256', indices: [0, 7, 16] } as const;
const KEY = {
  handle: 0x80000001,
  name: new Uint8Array(34),
  qualifiedName: new Uint8Array(34),
  publicArea: AK_ECC_P256,
  tpm2bPublic: encode(TPM2B_PUBLIC, AK_ECC_P256),
};

/** Operations of the client, on a TPM that answers whatever it likes: each ends, with a value or a fault. */
const OPERATIONS: Readonly<Record<string, (tpm: Tpm) => Promise<Result<unknown>>>> = {
  createHealthKey: (tpm) => createHealthKey(tpm, SELECTION),
  createPrimary: (tpm) => createPrimary(tpm, TPM_RH.owner, AK_ECC_P256),
  getRandom: (tpm) => getRandom(tpm, 100),
  openEndorsementKey: (tpm) => openEndorsementKey(tpm),
  quoteWithPcrs: (tpm) => quoteWithPcrs(tpm, KEY, SELECTION, new Uint8Array(16)),
  readNv: (tpm) => readNv(tpm, 0x01c00002),
  readPcrs: (tpm) => readPcrs(tpm, SELECTION),
  session: (tpm) =>
    tpm.withSession({ type: 'hmac' }, (session) =>
      tpm.run('GetRandom', { parameters: { bytesRequested: 8 }, authorize: [{ session, encrypt: true }] }),
    ),
  tpmProperties: (tpm) => tpmProperties(tpm, 0x100, 10),
};

/** What each of them sends, to start from good answers. */
const SENT: Readonly<Record<string, readonly CommandName[]>> = {
  createHealthKey: ['PCR_Read', 'CreatePrimary'],
  createPrimary: ['CreatePrimary'],
  getRandom: ['GetRandom'],
  openEndorsementKey: ['NV_ReadPublic', 'NV_Read', 'ReadPublic', 'CreatePrimary', 'FlushContext'],
  quoteWithPcrs: ['Quote', 'PCR_Read'],
  readNv: ['NV_ReadPublic', 'NV_Read'],
  readPcrs: ['PCR_Read'],
  session: ['StartAuthSession', 'GetRandom', 'FlushContext'],
  tpmProperties: ['GetCapability'],
};

export const targets: Readonly<Record<string, (bytes: Uint8Array) => Promise<string>>> = Object.fromEntries(
  Object.entries(OPERATIONS).map(([name, operation]) => [
    name,
    async (bytes) => {
      const answers: string[] = [];
      const outcome = await operation(new Tpm(answering(bytes, answers), nodeCrypto));
      return `${answers.length} ${answers.at(-1)} ${outcome.ok ? 'ok' : outcome.fault.code}`;
    },
  ]),
);

export function seeds(name = ''): readonly Uint8Array[] {
  const answers = (SENT[name] ?? []).map((command) => parametersOf(command, 'response') ?? new Uint8Array());
  return [
    Uint8Array.from(answers.flatMap((answer) => [PARAMETERS, answer.length >> 8, answer.length & 0xff, ...answer])),
  ];
}

const PARAMETERS = 0;
const REFUSAL = 1;

/**
 * Answers from the bytes in turn, and from their start again: each a kind, a length of two bytes, and so many bytes. They
 * are the parameters of a success, a response code, or all there is.
 */
function answering(bytes: Uint8Array, given: string[]): TpmTransport {
  let at = 0;
  const take = (length: number) => bytes.subarray(at, (at += length));
  return {
    transmit: async (sent) => {
      const frame = decodeCommand(sent);
      if (!frame.ok) throw new Error(`the client sent no command: ${frame.fault.detail}`);
      const { name, authorizations } = frame.value;
      given.push(`${commandName(COMMANDS[name].code)}`);
      if (at >= bytes.length) at = 0;
      const [kind = 0, high = 0, low = 0] = take(3);
      const content = take((high << 8) | low);
      if (kind === REFUSAL)
        return encodeResponse(name, {
          responseCode: 1 + (content[0] ?? 0) + 0x100 * (content[1] ?? 0),
          authorizations: [],
          parameters: new Uint8Array(),
        });
      if (kind !== PARAMETERS) return Uint8Array.from(content);
      return encodeResponse(name, {
        responseCode: 0,
        ...(COMMANDS[name].returnsHandle ? { handle: 0x80000000 } : {}),
        authorizations: authorizations.map(({ nonce }) => ({
          nonce,
          sessionAttributes: TPMA_SESSION.of('continueSession'),
          hmac: new Uint8Array(),
        })),
        parameters: content.subarray(0, MAX_FRAME / 2),
      });
    },
    close: async () => {},
  };
}
