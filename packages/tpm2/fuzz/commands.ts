import { decode } from '@sekimori/codec';
import {
  COMMANDS,
  type CommandName,
  decodeCommand,
  decodeResponse,
  encodeCommand,
  encodeResponse,
  explainResponseCode,
  TPMA_SESSION,
} from '../src/index.ts';
import { COMMAND_NAMES, comesBack, parametersCodec } from '../test/codecs.ts';
import { parametersOf } from '../test/samples.ts';

/** Each command: its frame, its response's frame with none or one session, and the parameters in them and alone. */
export const targets: Readonly<Record<string, (bytes: Uint8Array) => string>> = Object.fromEntries(
  COMMAND_NAMES.map((name) => [
    name,
    (bytes) =>
      [
        comesBack(`${name} request`, parametersCodec(name, 'request'), bytes),
        comesBack(`${name} response`, parametersCodec(name, 'response'), bytes),
        commandFrame(bytes),
        responseFrame(name, 0, bytes),
        responseFrame(name, 1, bytes),
      ].join('; '),
  ]),
);

export function seeds(key?: string): readonly Uint8Array[] {
  const name = key as CommandName;
  const [request, response] = [parametersOf(name, 'request'), parametersOf(name, 'response')];
  const { authorized, handles, returnsHandle } = COMMANDS[name];
  const authorization = {
    nonce: Uint8Array.of(1, 2),
    sessionAttributes: TPMA_SESSION.of('continueSession'),
    hmac: Uint8Array.of(3),
  };
  const sessions = Array.from({ length: authorized }, () => ({ ...authorization, sessionHandle: 0x02000000 }));
  return [
    ...(request ? [request] : []),
    ...(response ? [response] : []),
    encodeCommand({
      name,
      handles: handles.map(() => 0x80000000),
      authorizations: sessions,
      parameters: request ?? new Uint8Array(),
    }),
    ...[[], [authorization]].map((authorizations) =>
      encodeResponse(name, {
        responseCode: 0,
        ...(returnsHandle ? { handle: 0x80000000 } : {}),
        authorizations,
        parameters: response ?? new Uint8Array(),
      }),
    ),
  ];
}

/** Whatever frame it is, also one of another command. */
function commandFrame(bytes: Uint8Array): string {
  const frame = decodeCommand(bytes);
  if (!frame.ok) return frame.fault.code;
  if (Buffer.compare(encodeCommand(frame.value), bytes) !== 0) throw new Error('a command came back as other bytes');
  const { name, parameters } = frame.value;
  return `${name} ${comesBack(`${name} request`, parametersCodec(name, 'request'), parameters)}`;
}

function responseFrame(name: CommandName, sessions: number, bytes: Uint8Array): string {
  const frame = decodeResponse(name, sessions, bytes);
  if (!frame.ok) return `${frame.fault.code} ${frame.fault.cause?.at?.replace(/@\d+$/, '')}`;
  const { responseCode, parameters } = frame.value;
  if (responseCode !== 0) return explainResponseCode(responseCode).kind;
  if (Buffer.compare(encodeResponse(name, frame.value), bytes) !== 0)
    throw new Error('a response came back as other bytes');
  decode(parametersCodec(name, 'response'), parameters);
  return 'a response';
}
