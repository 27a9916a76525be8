import { concat, equal, u32be, u64be } from '@sekimori/bytes';
import { hashLength } from '@sekimori/crypto-core';
import { type Failed, ok } from '@sekimori/result';
import { type RequestOf, TPM_RH } from '@sekimori/tpm2';
import { type Entity, hierarchyOf, nameOfEntity } from '../entities.ts';
import { handler } from '../handler.ts';
import type { Machine } from '../machine.ts';
import { emptyPolicy, extendPolicyBy } from '../policy-digest.ts';
import { inParameter, RC, type Refusal, refuse } from '../response-codes.ts';
import type { Session } from '../sessions.ts';
import { verifiesDigest } from '../signing.ts';
import { authTicket, hashOfName, verifiedTicket } from '../tickets.ts';

const NONE = new Uint8Array(0);

type Terms = Pick<RequestOf<'PolicySecret'>, 'nonceTPM' | 'cpHashA' | 'policyRef' | 'expiration'>;

/** Part 3, 23.3, 23.4 and 23.16: policies that somebody else vouches for. */
export const policyAuthority = {
  PolicySecret: handler<'PolicySecret'>()({
    handles: ['entity', 'policySession'],
    run: (machine, [authority, { session }], request) => {
      const refused = session.type === 'trial' ? undefined : unmetTerms(machine, session, request);
      if (refused) return refused;
      return ok({ response: authorized(machine, 'PolicySecret', authority, session, request) });
    },
  }),
  PolicySigned: handler<'PolicySigned'>()({
    handles: ['object', 'policySession'],
    run: (machine, [authority, { session }], request) => {
      if (session.type !== 'trial') {
        const refused = unmetTerms(machine, session, request);
        if (refused) return refused;
        const { nonceTPM, cpHashA, policyRef, expiration, auth } = request;
        const hash = 'hash' in auth ? auth.hash : auth.sigAlg === 'hmac' ? auth.hashAlg : undefined;
        if (!hash) return inParameter(5, RC.scheme);
        const signed = concat(nonceTPM, u32be(expiration >>> 0), cpHashA, policyRef);
        const holds = verifiesDigest(machine, authority.object, machine.crypto.hash(hash, signed), auth);
        if (holds === undefined) return inParameter(5, RC.scheme);
        if (!holds) return inParameter(5, RC.signature);
      }
      return ok({ response: authorized(machine, 'PolicySigned', authority, session, request) });
    },
  }),
  PolicyAuthorize: handler<'PolicyAuthorize'>()({
    handles: ['policySession'],
    run: (machine, [{ session }], { approvedPolicy, policyRef, keySign, checkTicket }) => {
      const hash = hashOfName(keySign);
      if (!hash) return inParameter(3, RC.hash);
      if (keySign.length !== 2 + hashLength(hash)) return inParameter(3, RC.size);
      if (session.type !== 'trial') {
        if (!equal(approvedPolicy, session.policy.digest)) return inParameter(1, RC.value);
        const digest = machine.crypto.hash(hash, concat(approvedPolicy, policyRef));
        const ticket = verifiedTicket(machine, checkTicket.hierarchy, digest, keySign);
        if (!ticket || !equal(ticket.digest, checkTicket.digest)) return inParameter(4, RC.value);
      }
      session.policy.digest = emptyPolicy(session.hash);
      extendPolicyBy(machine, session, 'PolicyAuthorize', keySign, policyRef);
      return ok({ response: {} });
    },
  }),
};

/** Milliseconds of the TPM's time; with a nonce they count from the session's start. Part 3, 23.2.5. */
function expiryOf(session: Session, { nonceTPM, expiration }: Terms): number | undefined {
  if (expiration === 0) return undefined;
  return (nonceTPM.length > 0 ? session.startedAt : 0) + 1000 * Math.abs(expiration);
}

function unmetTerms(machine: Machine, session: Session, terms: Terms): Failed<Refusal> | undefined {
  const { nonceTPM, cpHashA } = terms;
  const { boundTo } = session.policy;
  if (nonceTPM.length > 0 && !equal(nonceTPM, session.nonceTpm)) return inParameter(1, RC.nonce);
  const expiry = expiryOf(session, terms);
  if (expiry !== undefined && expiry < machine.time.time) return inParameter(4, RC.expired);
  if (cpHashA.length === 0) return undefined;
  if (cpHashA.length !== hashLength(session.hash)) return inParameter(2, RC.size);
  return boundTo && !equal(boundTo.hash, cpHashA) ? refuse(RC.cpHash) : undefined;
}

/** The session takes the terms; a negative expiration asks for a ticket. */
function authorized(
  machine: Machine,
  command: 'PolicySecret' | 'PolicySigned',
  authority: Entity,
  session: Session,
  terms: Terms,
) {
  const { cpHashA, policyRef, nonceTPM, expiration } = terms;
  const name = nameOfEntity(authority);
  const state = session.policy;
  const tag = command === 'PolicySecret' ? 'authSecret' : 'authSigned';
  extendPolicyBy(machine, session, command, name, policyRef);
  const nothing = { timeout: NONE, policyTicket: { tag, hierarchy: TPM_RH.null, digest: NONE } } as const;
  if (session.type === 'trial') return nothing;
  if (cpHashA.length > 0) state.boundTo = { what: 'command', hash: cpHashA };
  const expiry = expiryOf(session, terms);
  if (expiry === undefined) return nothing;
  state.expiresAt = Math.min(state.expiresAt ?? expiry, expiry);
  if (expiration > 0) return nothing;
  // the top bit: without a nonce the ticket ends with the next reset
  const timeout = u64be((nonceTPM.length === 0 ? 1n << 63n : 0n) | BigInt(expiry));
  const policyTicket = authTicket(machine, tag, hierarchyOf(authority), timeout, cpHashA, policyRef, name);
  return { timeout, policyTicket };
}
