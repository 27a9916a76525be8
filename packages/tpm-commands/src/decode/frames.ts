import { closed, type Codec, decode, type Reader, type Struct, u16, u32 } from '@sekimori/codec';
import {
  type Command,
  type CommandName,
  COMMANDS,
  TPMS_AUTH_COMMAND,
  TPMS_AUTH_RESPONSE,
  type TpmsAuthResponse,
} from '@sekimori/tpm2';
import { ENCRYPTED_PARAMETER, OPAQUE, withInside } from './types.ts';

/** TPM_ST of commands and responses. Part 2, 6.9. */
const TPM_ST = closed('TPM_ST', u16, { TPM_ST_NO_SESSIONS: 0x8001, TPM_ST_SESSIONS: 0x8002, TPM_ST_RSP_COMMAND: 0xc4 });
type Tag = keyof typeof TPM_ST.numbers;
const TPM_CC = closed(
  'TPM_CC',
  u32,
  Object.fromEntries(Object.entries(COMMANDS).map(([name, { code }]) => [name, code])) as Record<CommandName, number>,
);
const TPM_RC: Codec<number> = { ...u32, name: 'TPM_RC' };
const TPM_HANDLE: Codec<number> = { ...u32, name: 'TPM_HANDLE' };
const RESPONSE_SESSIONS = untilEnd(TPMS_AUTH_RESPONSE, 'authorizations');

/** A command as it goes over the wire. Part 1, 18. A first parameter that a session encrypts is left as it is. */
export const COMMAND_FRAME: Codec<unknown> = frame('command', (reader, tag) => {
  const command: Command = COMMANDS[reader.read(TPM_CC, 'commandCode')];
  for (const handle of command.handles) reader.read(TPM_HANDLE, handle);
  let encrypted = false;
  if (tag === 'TPM_ST_SESSIONS') {
    const size = reader.read(u32, 'authorizationSize');
    const sessions = reader.within(size, untilEnd(TPMS_AUTH_COMMAND, 'authorizations'));
    encrypted = sessions.some(({ sessionAttributes }) => sessionAttributes.decrypt);
  }
  readParameters(reader, command.request, encrypted);
});

/** What a TPM answered to `name`; without a name, what can be told of any response. */
export function responseFrame(bytes: Uint8Array, name?: CommandName): Codec<unknown> {
  return frame(name === undefined ? 'response' : `response to ${name}`, (reader, tag) => {
    const code = reader.read(TPM_RC, 'responseCode');
    if (code !== 0 || reader.remaining === 0) return;
    if (name === undefined) return void reader.read(OPAQUE, 'answer');
    const command: Command = COMMANDS[name];
    if (command.returnsHandle) reader.read(TPM_HANDLE, 'handle');
    if (tag !== 'TPM_ST_SESSIONS') return readParameters(reader, command.response, false);
    const length = reader.read(u32, 'parameterSize');
    const encrypted = sessionsBehind(bytes.subarray(reader.offset), length).some(
      ({ sessionAttributes }) => sessionAttributes.encrypt,
    );
    reader.within(length, {
      name: 'parameters',
      read: (inside) => readParameters(inside, command.response, encrypted),
      write: notWritten,
    });
    reader.read(RESPONSE_SESSIONS, 'authorizations');
  });
}

/** Tag and size, then the body. A wrong size is told last, so that the body of a frame that was cut off shows too. */
function frame(name: string, readBody: (reader: Reader, tag: Tag) => void): Codec<undefined> {
  return {
    name,
    read: (reader) => {
      const start = reader.offset;
      const tag = reader.read(TPM_ST, 'tag');
      const at = reader.offset;
      const size = reader.read(u32, 'size');
      readBody(reader, tag);
      const length = reader.offset - start + reader.remaining;
      if (size !== length) reader.stop(`the header says ${size} bytes, ${length} are there`, at);
      return undefined;
    },
    write: notWritten,
  };
}

/** The sessions, which say whether the parameters before them are encrypted. None where they do not read. */
function sessionsBehind(parameters: Uint8Array, length: number): readonly TpmsAuthResponse[] {
  const sessions = decode(RESPONSE_SESSIONS, parameters.subarray(length));
  return sessions.ok ? sessions.value : [];
}

function readParameters(reader: Reader, layout: Struct<unknown>, encrypted: boolean): void {
  const seen: Record<string, unknown> = {};
  for (const [at, { key, codec }] of layout.fields.entries()) {
    const chosen = typeof codec === 'function' ? codec(seen as never) : codec;
    seen[key] = reader.read(encrypted && at === 0 ? ENCRYPTED_PARAMETER : withInside(chosen), key);
  }
}

function untilEnd<T>(item: Codec<T>, name: string): Codec<readonly T[]> {
  return {
    name,
    read: (reader) => {
      const items: T[] = [];
      while (reader.remaining > 0) items.push(reader.read(item, items.length));
      return items;
    },
    write: notWritten,
  };
}

function notWritten(): never {
  throw new TypeError('frames are shown, not written');
}
