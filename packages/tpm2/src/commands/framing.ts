import {
  type Codec,
  decode,
  decodePrefix,
  encode,
  type Infer,
  listOf,
  rest,
  sized,
  struct,
  u16,
  u32,
} from '@sekimori/codec';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import { TPMA_SESSION } from '../structures/attributes.ts';
import { TPM2B_AUTH, TPM2B_NONCE } from '../structures/buffers.ts';
import { type Command, type CommandName, COMMANDS, commandName } from './table.ts';

/** The largest command or response by convention: TPM_PT_MAX_COMMAND_SIZE and _RESPONSE_SIZE of usual TPMs. */
export const MAX_FRAME = 4096;

/** TPM_ST of commands and responses. Part 2, 6.9. */
const TPM_ST_NO_SESSIONS = 0x8001;
const TPM_ST_SESSIONS = 0x8002;
/** How a TPM answers a command whose tag it does not know. */
const TPM_TAG_RSP_COMMAND = 0x00c4;

/** TPMS_AUTH_COMMAND. Part 2, 10.13.2. */
export const TPMS_AUTH_COMMAND = struct('TPMS_AUTH_COMMAND')
  .field('sessionHandle', u32)
  .field('nonce', TPM2B_NONCE)
  .field('sessionAttributes', TPMA_SESSION)
  .field('hmac', TPM2B_AUTH);
export type TpmsAuthCommand = Infer<typeof TPMS_AUTH_COMMAND>;

/** TPMS_AUTH_RESPONSE. Part 2, 10.13.3. */
export const TPMS_AUTH_RESPONSE = struct('TPMS_AUTH_RESPONSE')
  .field('nonce', TPM2B_NONCE)
  .field('sessionAttributes', TPMA_SESSION)
  .field('hmac', TPM2B_AUTH);
export type TpmsAuthResponse = Infer<typeof TPMS_AUTH_RESPONSE>;

const HEADER = struct('header').field('tag', u16).field('size', u32).field('code', u32);
const HEADER_LENGTH = 10;
const MAX_SESSIONS = 3;

/** `parameters` are the encoded parameters as they go over the wire: with the first one encrypted where a session says so. */
export interface CommandFrame {
  readonly name: CommandName;
  readonly handles: readonly number[];
  readonly authorizations: readonly TpmsAuthCommand[];
  readonly parameters: Uint8Array;
}

/** Part 1, 18. Throws when the handles are not as many as the command has. */
export function encodeCommand(frame: CommandFrame): Uint8Array {
  const command: Command = COMMANDS[frame.name];
  const { authorizations } = frame;
  const value = { handles: frame.handles, authorizations, parameters: frame.parameters };
  return framed(
    authorizations.length > 0 ? TPM_ST_SESSIONS : TPM_ST_NO_SESSIONS,
    command.code,
    encode(commandBody(command, authorizations.length > 0), value),
  );
}

/**
 * For the TPM's side. `bad-tag`, `command-size`, `command-code`: as the response code of that name; `malformed`: handles
 * or authorizations are no such thing. The parameters are not looked into.
 */
export function decodeCommand(
  bytes: Uint8Array,
): Result<CommandFrame, Fault<'bad-tag' | 'command-size' | 'command-code' | 'malformed'>> {
  const header = decodePrefix(HEADER, bytes);
  if (!header.ok) return fail('command-size', 'shorter than a header');
  const { tag, size, code } = header.value.value;
  if (tag !== TPM_ST_NO_SESSIONS && tag !== TPM_ST_SESSIONS) return fail('bad-tag', `tag 0x${tag.toString(16)}`);
  if (size !== bytes.length || size > MAX_FRAME) return fail('command-size', `says ${size} bytes, has ${bytes.length}`);
  const name = commandName(code);
  if (name === undefined) return fail('command-code', `0x${code.toString(16)} is not supported`);
  const body = decode(commandBody(COMMANDS[name], tag === TPM_ST_SESSIONS), bytes.subarray(HEADER_LENGTH));
  if (!body.ok) return fail('malformed', body.fault.detail, { cause: body.fault });
  return ok({ name, ...body.value });
}

/** A response, its parameters as they came over the wire. Part 1, 18. */
export interface ResponseFrame {
  readonly responseCode: number;
  /** Of a command that makes an object or a session. */
  readonly handle?: number;
  readonly authorizations: readonly TpmsAuthResponse[];
  readonly parameters: Uint8Array;
}

/** For the TPM's side. A response code other than 0 goes alone. */
export function encodeResponse(name: CommandName, frame: ResponseFrame): Uint8Array {
  if (frame.responseCode !== 0) return framed(TPM_ST_NO_SESSIONS, frame.responseCode, new Uint8Array(0));
  const count = frame.authorizations.length;
  const body = responseBody(COMMANDS[name], count);
  return framed(
    count > 0 ? TPM_ST_SESSIONS : TPM_ST_NO_SESSIONS,
    0,
    encode(body, { handle: frame.handle, parameters: frame.parameters, authorizations: frame.authorizations }),
  );
}

/**
 * What a TPM answered to `name`, sent with `sessions` authorizations. `tpm-malformed-response` also for a response whose tag
 * or length does not fit: a success without the authorizations that were asked for is no success.
 */
export function decodeResponse(
  name: CommandName,
  sessions: number,
  bytes: Uint8Array,
): Result<ResponseFrame, Fault<'tpm-malformed-response'>> {
  const header = decodePrefix(HEADER, bytes);
  if (!header.ok) return fail('tpm-malformed-response', header.fault.detail, { cause: header.fault });
  const { tag, size, code } = header.value.value;
  if (size !== bytes.length || size > MAX_FRAME)
    return fail('tpm-malformed-response', `the header says ${size} bytes, ${bytes.length} came`);
  if (code !== 0) {
    if (size !== HEADER_LENGTH || (tag !== TPM_ST_NO_SESSIONS && tag !== TPM_TAG_RSP_COMMAND))
      return fail('tpm-malformed-response', 'an error response is a header and nothing else');
    return ok({ responseCode: code, authorizations: [], parameters: new Uint8Array(0) });
  }
  if (tag !== (sessions > 0 ? TPM_ST_SESSIONS : TPM_ST_NO_SESSIONS))
    return fail('tpm-malformed-response', `tag 0x${tag.toString(16)} for a command with ${sessions} sessions`);
  const body = decode(responseBody(COMMANDS[name], sessions), bytes.subarray(HEADER_LENGTH));
  if (!body.ok) return fail('tpm-malformed-response', body.fault.detail, { cause: body.fault });
  const { handle, parameters, authorizations } = body.value;
  return ok({ responseCode: 0, ...(handle === undefined ? {} : { handle }), parameters, authorizations });
}

function framed(tag: number, code: number, body: Uint8Array): Uint8Array {
  const size = HEADER_LENGTH + body.length;
  return encode(struct('frame').field('header', HEADER).field('body', rest(MAX_FRAME)), {
    header: { tag, size, code },
    body,
  });
}

const PARAMETERS = rest(MAX_FRAME);
const AUTHORIZATIONS = sized(u32, MAX_FRAME, untilEnd(TPMS_AUTH_COMMAND, MAX_SESSIONS), 'authorizations');
const SIZED_PARAMETERS = sized(u32, MAX_FRAME, PARAMETERS, 'parameters');
const NO_AUTHORIZATIONS: Codec<readonly TpmsAuthCommand[]> = listOf(0, TPMS_AUTH_COMMAND);
const NO_HANDLE: Codec<number | undefined> = { name: 'no handle', read: () => undefined, write: () => {} };

function commandBody(command: Command, sessions: boolean) {
  return struct('command')
    .field('handles', listOf(command.handles.length, u32))
    .field('authorizations', sessions ? AUTHORIZATIONS : NO_AUTHORIZATIONS)
    .field('parameters', PARAMETERS);
}

function responseBody(command: Command, sessions: number) {
  return struct('response')
    .field('handle', command.returnsHandle ? u32 : NO_HANDLE)
    .field('parameters', sessions > 0 ? SIZED_PARAMETERS : PARAMETERS)
    .field('authorizations', listOf(sessions, TPMS_AUTH_RESPONSE));
}

/** Items one after the other until the enclosing size is used up: at least one. */
function untilEnd<T>(item: Codec<T>, max: number): Codec<readonly T[]> {
  return {
    name: `list(${item.name})`,
    read: (reader) => {
      const items: T[] = [];
      do {
        if (items.length === max) reader.stop(`more than ${max} items`);
        items.push(item.read(reader));
      } while (reader.remaining > 0);
      return items;
    },
    write: (writer, items) => {
      if (items.length > max) throw new RangeError(`${items.length} items, at most ${max}`);
      for (const value of items) item.write(writer, value);
    },
  };
}
