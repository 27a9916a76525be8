import { type Failed, type Fault, type Result, fail } from '@sekimori/result';
import { explainResponseCode } from '@sekimori/tpm2';

/** TPM_RC: the codes this TPM answers. Part 2, 6.6. */
export const RC = {
  badTag: 0x01e,
  initialize: 0x100,
  authType: 0x124,
  authMissing: 0x125,
  pcrChanged: 0x128,
  authUnavailable: 0x12f,
  commandSize: 0x142,
  commandCode: 0x143,
  authSize: 0x144,
  authContext: 0x145,
  nvRange: 0x146,
  nvLocked: 0x148,
  nvAuthorization: 0x149,
  nvUninitialized: 0x14a,
  nvDefined: 0x14c,
  cpHash: 0x151,
  policy: 0x126,
  attributes: 0x082,
  value: 0x084,
  hierarchy: 0x085,
  mode: 0x089,
  type: 0x08a,
  handle: 0x08b,
  kdf: 0x08c,
  range: 0x08d,
  authFail: 0x08e,
  nonce: 0x08f,
  hash: 0x083,
  scheme: 0x092,
  size: 0x095,
  symmetric: 0x096,
  insufficient: 0x09a,
  key: 0x09c,
  signature: 0x09b,
  policyFail: 0x09d,
  integrity: 0x09f,
  ticket: 0x0a0,
  badAuth: 0x0a2,
  expired: 0x0a3,
  policyCc: 0x0a4,
  binding: 0x0a5,
  eccPoint: 0x0a7,
  objectMemory: 0x902,
  sessionMemory: 0x903,
  sessionHandles: 0x905,
  locality: 0x907,
  referenceH0: 0x910,
  referenceS0: 0x918,
} as const;

/** Why a command is answered with a response code instead of a result. */
export interface Refusal extends Fault {
  /** As it goes over the wire: with the handle, session or parameter it blames. */
  readonly responseCode: number;
}
export type Answer<T> = Result<T, Refusal>;

export function refuse(responseCode: number): Failed<Refusal> {
  const { name, about } = explainResponseCode(responseCode);
  const { fault } = fail(name, about ? `${about.part} ${about.number}` : 'the command as a whole');
  return { ok: false, fault: { ...fault, responseCode } };
}

/** Format-one codes blame the nth handle, parameter or session, counted from 1. */
export function inHandle(n: number, code: number): Failed<Refusal> {
  return refuse(code | (n << 8));
}
export function inParameter(n: number, code: number): Failed<Refusal> {
  return refuse(code | 0x040 | (n << 8));
}
export function inSession(n: number, code: number): Failed<Refusal> {
  return refuse(code | 0x800 | (n << 8));
}
