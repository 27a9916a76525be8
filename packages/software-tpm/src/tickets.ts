import { concat, u16be } from '@sekimori/bytes';
import type { HashName } from '@sekimori/crypto-core';
import { TPM_ALG, TPM_RH } from '@sekimori/tpm2';
import type { Machine } from './machine.ts';

// Tickets are HMACs by a hierarchy's proof: only this TPM can make them. Part 1, 11.4.6.3; Part 2, 10.7.

const TPM_ST_CREATION = 0x8021;
const TPM_ST_VERIFIED = 0x8022;
const TPM_ST_HASHCHECK = 0x8024;
const TPM_ST_AUTH = { authSecret: 0x8023, authSigned: 0x8025 } as const;
const NONE = new Uint8Array(0);

/** TPMT_TK_CREATION. */
export function creationTicket(machine: Machine, hierarchy: number, name: Uint8Array, creationHash: Uint8Array) {
  const digest = ticketDigest(machine, hierarchy, TPM_ST_CREATION, name, creationHash);
  return { tag: TPM_ST_CREATION, hierarchy, digest: digest ?? NONE } as const;
}

/** TPMT_TK_VERIFIED. Undefined where no such hierarchy has a proof. */
export function verifiedTicket(machine: Machine, hierarchy: number, digest: Uint8Array, keyName: Uint8Array) {
  const made = ticketDigest(machine, hierarchy, TPM_ST_VERIFIED, digest, keyName);
  return made && ({ tag: TPM_ST_VERIFIED, hierarchy, digest: made } as const);
}

/** What a signature by a key of the NULL hierarchy gives: it proves nothing, and PolicyAuthorize refuses it. */
export const NULL_VERIFIED_TICKET = { tag: TPM_ST_VERIFIED, hierarchy: TPM_RH.null, digest: NONE } as const;

/** TPMT_TK_HASHCHECK: this TPM hashed it, and it does not begin as its own structures do. */
export function hashcheckTicket(machine: Machine, hierarchy: number, hash: HashName, digest: Uint8Array) {
  if (hierarchy === TPM_RH.null) return undefined;
  const made = ticketDigest(machine, hierarchy, TPM_ST_HASHCHECK, u16be(TPM_ALG[hash]), digest);
  return made && ({ tag: TPM_ST_HASHCHECK, hierarchy, digest: made } as const);
}

export const NULL_HASHCHECK_TICKET = { tag: TPM_ST_HASHCHECK, hierarchy: TPM_RH.null, digest: NONE } as const;

/** TPMT_TK_AUTH. TPM2_PolicyTicket, which alone takes it, is not there. */
export function authTicket(
  machine: Machine,
  tag: 'authSecret' | 'authSigned',
  hierarchy: number,
  ...parts: readonly Uint8Array[]
) {
  const digest = ticketDigest(machine, hierarchy, TPM_ST_AUTH[tag], ...parts);
  return { tag, hierarchy, digest: digest ?? NONE } as const;
}

/** The hash that a Name begins with. */
export function hashOfName(name: Uint8Array): HashName | undefined {
  const id = ((name[0] ?? 0) << 8) | (name[1] ?? 0);
  return (['sha1', 'sha256', 'sha384', 'sha512'] as const).find((hash) => TPM_ALG[hash] === id);
}

function ticketDigest(machine: Machine, handle: number, tag: number, ...parts: readonly Uint8Array[]) {
  const hierarchy = [...machine.hierarchies.values()].find((each) => each.handle === handle);
  return hierarchy && machine.crypto.hmac('sha256', hierarchy.proof, concat(u16be(tag), ...parts));
}
