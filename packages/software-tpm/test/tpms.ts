import { concat } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import type { Crypto } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import {
  COMMANDS,
  type CommandName,
  decodeResponse,
  encodeCommand,
  explainResponseCode,
  type RequestOf,
  type ResponseFrame,
  Tpm,
  TPM_RH,
  TPMA_SESSION,
  type TpmsAuthCommand,
  type TpmTransport,
} from '@sekimori/tpm2';
import { expectOk } from '@sekimori/result';
import { createSoftwareTpm, type SoftwareTpm, type SoftwareTpmOptions } from '../src/index.ts';

export const crypto: Crypto = nodeCrypto;
const rsaKey = nodeCrypto.generateKey({ type: 'rsa', bits: 2048 });
export const AT = new Date('2026-01-01T00:00:00Z');
export const NONE = new Uint8Array(0);

/** Its RSA keys are all the same one: made once, and no test compares two. */
export function softwareTpm(options: Partial<SoftwareTpmOptions> = {}): SoftwareTpm & { readonly tpm: Tpm } {
  const made = createSoftwareTpm({ crypto, now: () => AT, rsaKey: () => rsaKey, ...options });
  return { ...made, tpm: new Tpm(made.transport, crypto) };
}

export const PASSWORD: TpmsAuthCommand = {
  sessionHandle: TPM_RH.password,
  nonce: NONE,
  sessionAttributes: TPMA_SESSION.of(),
  hmac: NONE,
};

export interface RawCall<Name extends CommandName> {
  readonly handles?: readonly number[];
  readonly request: RequestOf<Name>;
  readonly authorizations?: readonly TpmsAuthCommand[];
}

/** A command as written here, without what a client would put right. */
export function rawCommand<Name extends CommandName>(name: Name, call: RawCall<Name>): Uint8Array {
  const { handles = [], request, authorizations = [] } = call;
  return encodeCommand({ name, handles, authorizations, parameters: encode(COMMANDS[name].request as never, request) });
}

export async function send<Name extends CommandName>(
  transport: TpmTransport,
  name: Name,
  call: RawCall<Name>,
): Promise<ResponseFrame> {
  for (;;) {
    const response = await transport.transmit(rawCommand(name, call));
    const decoded = expectOk(decodeResponse(name, call.authorizations?.length ?? 0, response));
    if (!explainResponseCode(decoded.responseCode).retry) return decoded;
  }
}

/** 'TPM_RC_VALUE parameter 2', or 'TPM_RC_SUCCESS'. */
export async function outcomeOf<Name extends CommandName>(
  transport: TpmTransport,
  name: Name,
  call: RawCall<Name>,
): Promise<string> {
  return described((await send(transport, name, call)).responseCode);
}

export function described(responseCode: number): string {
  const { name, about } = explainResponseCode(responseCode);
  return about ? `${name} ${about.part} ${about.number}` : name;
}

export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const changed = concat(bytes);
  changed[at]! ^= 1;
  return changed;
}
