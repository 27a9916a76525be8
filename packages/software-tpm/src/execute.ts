import { concat } from '@sekimori/bytes';
import { type Codec, type DecodeFault, decode, decodePrefix, encode, type Struct } from '@sekimori/codec';
import { ok } from '@sekimori/result';
import {
  type Command,
  type CommandFrame,
  type CommandName,
  COMMANDS,
  decodeCommand,
  encodeResponse,
} from '@sekimori/tpm2';
import { authorizeResponse, checkAuthorizations, endUse, rollNonces } from './authorization.ts';
import { HANDLERS } from './commands/index.ts';
import type { Entity } from './entities.ts';
import type { Handler } from './handler.ts';
import { resolveHandle } from './handles.ts';
import type { Machine } from './machine.ts';
import { decryptParameter, encryptParameter } from './parameter-encryption.ts';
import { type Answer, inParameter, RC, refuse } from './response-codes.ts';

/** One command, from bytes to bytes: any bytes get an answer. Part 3, 5. */
export async function execute(machine: Machine, bytes: Uint8Array): Promise<Uint8Array> {
  const frame = decodeCommand(bytes);
  const answer = frame.ok ? await perform(machine, frame.value) : refuse(codeOfFrameFault(frame.fault));
  if (answer.ok) return answer.value;
  return encodeResponse('Startup', {
    responseCode: answer.fault.responseCode,
    authorizations: [],
    parameters: new Uint8Array(0),
  });
}

async function perform(machine: Machine, frame: CommandFrame): Promise<Answer<Uint8Array>> {
  const { name } = frame;
  if (!machine.started && name !== 'Startup') return refuse(RC.initialize);
  const command: Command = COMMANDS[name];
  // the table of handlers pairs each name with its own request and response
  const handler: Handler<CommandName> = HANDLERS[name];

  const entities: Entity[] = [];
  for (const [i, kind] of handler.handles.entries()) {
    const entity = await resolveHandle(machine, frame.handles[i] as number, kind, i + 1);
    if (!entity.ok) return entity;
    entities.push(entity.value);
  }
  const checked = checkAuthorizations(machine, frame, entities, {
    roles: handler.roles,
    sessions: handler.sessions,
    decryptable: beginsWithBuffer(command.request),
    encryptable: beginsWithBuffer(command.response),
  });
  if (!checked.ok) return checked;
  const { all, decrypt, encrypt } = checked.value;

  const clear = decrypt ? decryptParameter(machine, decrypt, frame.parameters) : ok(frame.parameters);
  if (!clear.ok) return clear;
  const request = decode(command.request, clear.value);
  if (!request.ok) return refuseParameters(command.request, clear.value, request.fault);
  // what is done after TPM2_Shutdown undoes it
  if (machine.started) machine.shutdown = undefined;
  const done = await handler.run(machine, entities, request.value as never);
  if (!done.ok) return done;

  const { handle, response } = done.value;
  const plain = encode(command.response, response);
  rollNonces(machine, checked.value);
  const parameters = encrypt ? encryptParameter(machine, encrypt, plain) : plain;
  const authorizations = all.map((each) => authorizeResponse(machine, each, command.code, parameters));
  endUse(machine, checked.value);
  return ok(
    encodeResponse(name, { responseCode: 0, ...(handle === undefined ? {} : { handle }), parameters, authorizations }),
  );
}

function codeOfFrameFault(fault: { readonly code: string; readonly cause?: { readonly at?: string } }): number {
  if (fault.code === 'bad-tag') return RC.badTag;
  if (fault.code === 'command-size') return RC.commandSize;
  if (fault.code === 'command-code') return RC.commandCode;
  return fault.cause?.at?.startsWith('command.authorizations') ? RC.authSize : RC.insufficient;
}

/** Part 1, 21.1: a first parameter that is a sized buffer can be encrypted. */
function beginsWithBuffer(codec: Codec<unknown>): boolean {
  const [first] = fieldsOf(codec);
  // TPM2_LoadExternal may leave its TPM2B_SENSITIVE empty
  return typeof first?.codec === 'object' && /^TPM2B_|^TPMT_SENSITIVE$/.test(first.codec.name);
}

function refuseParameters(codec: Codec<unknown>, parameters: Uint8Array, fault: DecodeFault): Answer<never> {
  if (fault.code === 'trailing-bytes') return refuse(RC.size);
  // the second part of 'Quote.inScheme.TPMT_SIG_SCHEME.scheme@34'
  const key = fault.at?.split('@')[0]?.split('.')[1];
  const number = fieldsOf(codec).findIndex((field) => field.key === key) + 1;
  // what more bytes would have mended was too short
  const isShort = decodePrefix(codec, concat(parameters, new Uint8Array(MENDING))).ok;
  return inParameter(number, isShort ? RC.insufficient : RC.value);
}

/** More than the sized buffers of any command hold together. */
const MENDING = 4096;

function fieldsOf(codec: Codec<unknown>): Struct<unknown>['fields'] {
  return (codec as Partial<Struct<unknown>>).fields ?? [];
}
