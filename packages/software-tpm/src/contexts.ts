import { decode, encode, struct, emptyOr, u16, u32 } from '@sekimori/codec';
import { concat, u32be, u64be } from '@sekimori/bytes';
import {
  kdfa,
  type OuterProtection,
  TPM2B_NAME,
  TPM2B_PUBLIC,
  TPM_RH,
  type TpmsContext,
  TPMT_SENSITIVE,
  unwrapOuter,
  wrapOuter,
} from '@sekimori/tpm2';
import type { Hierarchy } from './hierarchies.ts';
import type { Machine } from './machine.ts';
import { objectOf, type TpmObject } from './objects.ts';
import { keyOf, sensitiveOf } from './sensitive.ts';

/** How an ordinary object's context is called. Part 2, 14.5, table 222. */
const SAVED_OBJECT = 0x80000000;
const NONE = new Uint8Array(0);

const OBJECT = struct('object context')
  .field('area', TPM2B_PUBLIC)
  .field('qualifiedName', TPM2B_NAME)
  .field('sensitive', emptyOr(u16, 512, TPMT_SENSITIVE));
/** A session itself stays in the machine; its context is what it comes back for. */
const SESSION = struct('session context').field('handle', u32);

/** An object for the outside, to be loaded again until the next TPM Reset. Part 1, 30. */
export function saveObject(machine: Machine, object: TpmObject): TpmsContext {
  const { area, qualifiedName, key, hierarchy } = object;
  const sensitive = key && sensitiveOf(machine, object);
  const content = encode(OBJECT, { area, qualifiedName, sensitive });
  const sequence = machine.contextSequence++;
  const header = { sequence, savedHandle: SAVED_OBJECT, hierarchy };
  return { ...header, contextBlob: sealed(machine, header, content) };
}

/** A session for the outside, to be loaded again once. */
export function saveSession(machine: Machine, handle: number): TpmsContext {
  const header = { sequence: machine.contextSequence++, savedHandle: handle, hierarchy: TPM_RH.null };
  machine.sessions.save(handle, header.sequence);
  return { ...header, contextBlob: sealed(machine, header, encode(SESSION, { handle })) };
}

export type Opened =
  | { readonly kind: 'object'; readonly object: TpmObject }
  | { readonly kind: 'session'; readonly handle: number };

/** Undefined for what this machine did not put aside since its last reset. */
export function openContext(machine: Machine, context: TpmsContext): Opened | undefined {
  const by = protectionOf(machine, context);
  const content = by && unwrapOuter(machine.crypto, by, headerOf(context), context.contextBlob, 'fresh');
  if (!content) return undefined;
  if (context.savedHandle !== SAVED_OBJECT) {
    const session = decode(SESSION, content);
    return session.ok ? { kind: 'session', ...session.value } : undefined;
  }
  const saved = decode(OBJECT, content);
  if (!saved.ok) return undefined;
  const { area, qualifiedName, sensitive } = saved.value;
  const { hierarchy } = context;
  const key = sensitive && keyOf(machine.crypto, area, sensitive);
  const secrets = sensitive && { auth: sensitive.authValue, ...seedIn(sensitive.seedValue) };
  return { kind: 'object', object: objectOf(machine.crypto, { area, hierarchy, qualifiedName, key, ...secrets }) };
}

function seedIn(seedValue: Uint8Array) {
  return seedValue.length > 0 ? { seedValue } : {};
}

type Header = Pick<TpmsContext, 'sequence' | 'savedHandle' | 'hierarchy'>;

function sealed(machine: Machine, header: Header, content: Uint8Array): Uint8Array {
  const by = protectionOf(machine, header);
  if (!by) throw new Error('an object without a hierarchy');
  return wrapOuter(machine.crypto, by, headerOf(header), content, 'fresh');
}

function headerOf({ sequence, savedHandle }: Header): Uint8Array {
  return concat(u64be(sequence), u32be(savedHandle));
}

function protectionOf(machine: Machine, { hierarchy }: Header): OuterProtection | undefined {
  const found: Hierarchy | undefined = [...machine.hierarchies.values()].find(({ handle }) => handle === hierarchy);
  if (!found) return undefined;
  // the NULL hierarchy's proof is a new one after each reset
  const seed = machine
    .hierarchy('null')
    .proof.use((boot) => kdfa(machine.crypto, 'sha256', found.proof, 'CONTEXT', boot, NONE, 256));
  return { seed, hash: 'sha256', bits: 256 };
}
