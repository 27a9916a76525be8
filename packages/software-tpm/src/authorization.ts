import { concat, equal, equalConstantTime, stripTrailingZeros, u32be } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { hashLength, Secret } from '@sekimori/crypto-core';
import { type Failed, ok } from '@sekimori/result';
import {
  COMMANDS,
  type CommandFrame,
  type CommandName,
  handleType,
  TPM_RH,
  TPMA_SESSION,
  type TpmsAuthCommand,
  type TpmsAuthResponse,
} from '@sekimori/tpm2';
import { authOf, type Entity, isLockable, nameOfEntity, policyOf } from './entities.ts';
import { sessionOf } from './handles.ts';
import type { Role } from './handler.ts';
import type { Machine } from './machine.ts';
import { type Answer, inSession, RC, type Refusal, refuse } from './response-codes.ts';
import { freshPolicy, isBoundTo, type Session } from './sessions.ts';

/** One authorization of a command that was accepted. */
export interface Authorization {
  readonly sent: TpmsAuthCommand;
  /** Absent for a password. */
  readonly session: Session | undefined;
  /** What it authorizes; absent for a session that only encrypts. */
  readonly entity: Entity | undefined;
  /** Whether the entity's authorization is part of the HMAC's key. */
  readonly keyedByAuth: boolean;
  /** TPM2_PolicyPassword: there is no HMAC, either way. */
  readonly byPassword?: true;
}

export interface Authorizations {
  readonly all: readonly Authorization[];
  /** The session that decrypts the first parameter of the command, and the one that encrypts that of the response. */
  readonly decrypt: Authorization | undefined;
  readonly encrypt: Authorization | undefined;
}

export interface AuthorizationRules {
  readonly roles: readonly Role[];
  readonly sessions: boolean;
  /** Whether the first parameter is a TPM2B, of the command and of the response. */
  readonly decryptable: boolean;
  readonly encryptable: boolean;
}

/** Part 1, 19; Part 3, 5.5 and 5.6: everything that must hold before a parameter is looked at. */
export function checkAuthorizations(
  machine: Machine,
  frame: CommandFrame,
  entities: readonly Entity[],
  rules: AuthorizationRules,
): Answer<Authorizations> {
  const { authorized } = COMMANDS[frame.name];
  if (frame.authorizations.length > 0 && !rules.sessions) return refuse(RC.authContext);
  if (frame.authorizations.length < authorized) return refuse(RC.authMissing);
  const found = frame.authorizations.map(
    (sent, i): Found => ({
      sent,
      session: sessionOf(machine, sent.sessionHandle),
      entity: i < authorized ? entities[i] : undefined,
    }),
  );
  for (const [i, each] of found.entries()) {
    const wrong = wrongSession(each, i + 1, found.slice(0, i), rules);
    if (wrong) return wrong;
  }
  const [decrypt, encrypt] = [one(found, 'decrypt'), one(found, 'encrypt')];
  if (!decrypt.ok) return decrypt;
  if (!encrypt.ok) return encrypt;
  const all: Authorization[] = [];
  for (const [i, each] of found.entries()) {
    const others =
      i === 0 && each.entity ? otherNonces(each.session, decrypt.value?.session, encrypt.value?.session) : [];
    const context = { machine, frame, entities, others, number: i + 1, role: rules.roles[i] ?? 'user' };
    const checked = check(context, each);
    if (!checked.ok) return checked;
    all.push(checked.value);
  }
  return ok({ all, decrypt: pick(all, decrypt.value), encrypt: pick(all, encrypt.value) });
}

/**
 * The response's authorization, over the parameters as they go out. Rolls nothing: `rollNonces` has done that, since the new
 * nonce takes part in the encryption too.
 */
export function authorizeResponse(
  machine: Machine,
  authorization: Authorization,
  commandCode: number,
  parameters: Uint8Array,
): TpmsAuthResponse {
  const { sent, session } = authorization;
  if (!session)
    return { nonce: new Uint8Array(0), sessionAttributes: TPMA_SESSION.of('continueSession'), hmac: new Uint8Array(0) };
  const rpHash = machine.crypto.hash(session.hash, concat(u32be(0), u32be(commandCode), parameters));
  const attributes = encode(TPMA_SESSION, sent.sessionAttributes);
  const message = concat(rpHash, session.nonceTpm, sent.nonce, attributes);
  const bare = sent.hmac.length === 0 || authorization.byPassword === true;
  const hmac = bare ? new Uint8Array(0) : hmacOf(machine, authorization, session, message);
  return { nonce: session.nonceTpm, sessionAttributes: sent.sessionAttributes, hmac };
}

export function rollNonces(machine: Machine, authorizations: Authorizations): void {
  for (const { session } of authorizations.all)
    if (session) session.nonceTpm = machine.crypto.random(hashLength(session.hash));
}

/** After a success: sessions that do not go on are gone, and a policy is good once. */
export function endUse(machine: Machine, authorizations: Authorizations): void {
  for (const { sent, session } of authorizations.all) {
    if (!session) continue;
    if (!sent.sessionAttributes.continueSession) machine.sessions.delete(session.handle);
    else session.policy = freshPolicy(session.hash);
  }
}

/** What parameter encryption is keyed with: the session's key and the authorization of what it authorizes. Part 1, 21. */
export function sessionValue({ session, entity }: Authorization): Secret {
  const key = session?.key ?? new Secret(new Uint8Array(0));
  return key.use((bytes) =>
    entity ? authOf(entity).use((auth) => new Secret(concat(bytes, auth))) : new Secret(bytes),
  );
}

type Found = Pick<Authorization, 'sent' | 'session' | 'entity'>;

interface Context {
  readonly machine: Machine;
  readonly frame: CommandFrame;
  readonly entities: readonly Entity[];
  readonly others: readonly Uint8Array[];
  readonly number: number;
  readonly role: Role;
}

/** What is wrong with a session whatever it authorizes. */
function wrongSession(
  { sent, session, entity }: Found,
  n: number,
  before: readonly Found[],
  rules: AuthorizationRules,
): Failed<Refusal> | undefined {
  const { sessionAttributes: attributes } = sent;
  const extras =
    attributes.decrypt || attributes.encrypt || attributes.audit || attributes.auditExclusive || attributes.auditReset;
  if (sent.sessionHandle === TPM_RH.password) {
    if (!entity) return inSession(n, RC.handle);
    if (extras) return inSession(n, RC.attributes);
    return sent.nonce.length > 0 ? inSession(n, RC.nonce) : undefined;
  }
  const type = handleType(sent.sessionHandle);
  if (type !== 'hmac-session' && type !== 'policy-session') return inSession(n, RC.value);
  if (!session) return refuse(RC.referenceS0 + n - 1);
  if (before.some((other) => other.session === session)) return inSession(n, RC.handle);
  // audit sessions are not there
  if (attributes.audit || attributes.auditExclusive || attributes.auditReset) return inSession(n, RC.attributes);
  if (session.type === 'trial' || (!entity && !extras)) return inSession(n, RC.attributes);
  if ((attributes.decrypt && !rules.decryptable) || (attributes.encrypt && !rules.encryptable))
    return inSession(n, RC.attributes);
  if ((attributes.decrypt || attributes.encrypt) && session.symmetric.algorithm === 'null')
    return inSession(n, RC.symmetric);
  return undefined;
}

function one(found: readonly Found[], attribute: 'decrypt' | 'encrypt'): Answer<Found | undefined> {
  const with_ = found.filter(({ sent }) => sent.sessionAttributes[attribute]);
  return with_.length > 1 ? inSession(found.indexOf(with_[1] as Found) + 1, RC.attributes) : ok(with_[0]);
}

/** Part 1, 19.6.5: the first session's HMAC takes the nonces of the sessions that encrypt, where those are others. */
function otherNonces(
  first: Session | undefined,
  decrypt: Session | undefined,
  encrypt: Session | undefined,
): Uint8Array[] {
  const out: Uint8Array[] = [];
  if (decrypt && decrypt !== first) out.push(decrypt.nonceTpm);
  if (encrypt && encrypt !== first && encrypt !== decrypt) out.push(encrypt.nonceTpm);
  return out;
}

function pick(all: readonly Authorization[], found: Found | undefined): Authorization | undefined {
  return found && all.find(({ sent }) => sent === found.sent);
}

function check(context: Context, { sent, session, entity }: Found): Answer<Authorization> {
  const { role, frame } = context;
  // nothing authorizes the use of a public area alone
  if (entity?.kind === 'object' && entity.object.key === undefined) return refuse(RC.authUnavailable);
  if (entity && session?.type !== 'policy') {
    if (needsPolicy(entity, role)) return refuse(RC.authType);
    if (!takesAuthValue(entity, role, frame)) return refuse(RC.authUnavailable);
  }
  if (!session) {
    return entity && isPassword(entity, sent)
      ? ok({ sent, session, entity, keyedByAuth: false })
      : wrongAuth(context, entity);
  }
  if (session.type === 'policy' && entity) {
    const refused = unsatisfied(context, session, entity);
    if (refused) return refused;
    if (session.policy.shows === 'password')
      return isPassword(entity, sent)
        ? ok({ sent, session, entity, keyedByAuth: false, byPassword: true })
        : wrongAuth(context, entity);
  }
  const keyedByAuth =
    entity !== undefined &&
    (session.type === 'policy' ? session.policy.shows === 'authValue' : !isBoundTo(session, entity));
  const authorization = { sent, session, entity, keyedByAuth };
  return hmacHolds(context, authorization, session) ? ok(authorization) : wrongAuth(context, entity);
}

function isPassword(entity: Entity, { hmac }: TpmsAuthCommand): boolean {
  return authOf(entity).use((auth) => equalConstantTime(auth, stripTrailingZeros(hmac)));
}

/** Part 1, 19.8: what counts for dictionary-attack protection is told apart from what does not. */
function wrongAuth(context: Context, entity: Entity | undefined): Failed<Refusal> {
  return inSession(context.number, entity && isLockable(entity) ? RC.authFail : RC.badAuth);
}

function needsPolicy(entity: Entity, role: Role): boolean {
  if (role === 'dup') return true;
  return role === 'admin' && entity.kind === 'object' && entity.object.area.value.objectAttributes.adminWithPolicy;
}

/** Whether a password or HMAC session can authorize at all. Part 1, 19.2; for NV, 37.3. */
function takesAuthValue(entity: Entity, role: Role, { name }: CommandFrame): boolean {
  if (entity.kind === 'object') return role === 'admin' || entity.object.area.value.objectAttributes.userWithAuth;
  if (entity.kind !== 'nv') return true;
  const { authRead, authWrite } = entity.index.public.attributes;
  return WRITES_NV.has(name) ? authWrite : authRead;
}

const WRITES_NV: ReadonlySet<CommandName> = new Set(['NV_Write', 'NV_Increment', 'NV_WriteLock']);

/** And a policy session? Part 1, 37.3. */
function takesPolicy(entity: Entity, { name }: CommandFrame): boolean {
  if (entity.kind !== 'nv') return policyOf(entity) !== undefined;
  const { policyRead, policyWrite } = entity.index.public.attributes;
  return WRITES_NV.has(name) ? policyWrite : policyRead;
}

/** Part 1, 19.7.6. */
function unsatisfied(context: Context, session: Session, entity: Entity): Failed<Refusal> | undefined {
  const { machine, frame, number, role } = context;
  const { policy } = session;
  const wanted = policyOf(entity);
  if (!wanted || !takesPolicy(entity, frame)) return refuse(RC.authUnavailable);
  // a policy that shows no authorization cannot vouch for one
  if (frame.name === 'PolicySecret' && policy.shows === undefined) return inSession(number, RC.mode);
  if (policy.pcrCounter !== undefined && policy.pcrCounter !== machine.pcrs.updateCounter) return refuse(RC.pcrChanged);
  if (wanted.hash !== session.hash || !equal(wanted.digest, policy.digest)) return inSession(number, RC.policyFail);
  if (policy.expiresAt !== undefined && machine.time.time > policy.expiresAt) return inSession(number, RC.expired);
  const { code } = COMMANDS[frame.name];
  if (policy.commandCode !== undefined && policy.commandCode !== code) return inSession(number, RC.policyCc);
  if (policy.commandCode === undefined && role !== 'user') return inSession(number, RC.policyFail);
  // commands come from locality 0 here
  if (policy.locality !== undefined && (policy.locality & 1) === 0) return refuse(RC.locality);
  const { boundTo, nvWritten } = policy;
  const hashed = boundTo?.what === 'names' ? namesHashOf(context, session) : cpHashOf(context, session);
  if (boundTo && !equal(boundTo.hash, hashed)) return inSession(number, RC.policyFail);
  if (nvWritten === undefined) return undefined;
  const holds = entity.kind === 'nv' && entity.index.public.attributes.written === nvWritten;
  return holds ? undefined : inSession(number, RC.policyFail);
}

function hmacHolds(context: Context, authorization: Authorization, session: Session): boolean {
  const { sent } = authorization;
  const attributes = encode(TPMA_SESSION, sent.sessionAttributes);
  const message = concat(cpHashOf(context, session), sent.nonce, session.nonceTpm, ...context.others, attributes);
  // Part 1, 19.6.7: where there is nothing to key it with, the HMAC may be left out
  if (sent.hmac.length === 0 && hmacKey(authorization, session).length === 0) return true;
  return equalConstantTime(sent.hmac, hmacOf(context.machine, authorization, session, message));
}

function cpHashOf({ machine, frame, entities }: Context, session: Session): Uint8Array {
  const names = entities.map(nameOfEntity);
  return machine.crypto.hash(session.hash, concat(u32be(COMMANDS[frame.name].code), ...names, frame.parameters));
}

function namesHashOf({ machine, entities }: Context, session: Session): Uint8Array {
  return machine.crypto.hash(session.hash, concat(...entities.map(nameOfEntity)));
}

function hmacOf(machine: Machine, authorization: Authorization, session: Session, message: Uint8Array): Uint8Array {
  return machine.crypto.hmac(session.hash, hmacKey(authorization, session), message);
}

function hmacKey(authorization: Authorization, session: Session): Secret {
  return authorization.keyedByAuth ? sessionValue(authorization) : session.key;
}
