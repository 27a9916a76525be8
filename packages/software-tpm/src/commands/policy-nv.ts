import { concat, equal, u16be } from '@sekimori/bytes';
import { decodePrefix, encode } from '@sekimori/codec';
import { ok } from '@sekimori/result';
import { type RequestOf, TPM_EO, TPMT_HA } from '@sekimori/tpm2';
import { handler } from '../handler.ts';
import { toBigint } from '../numbers.ts';
import { readable } from '../nv.ts';
import { emptyPolicy, extendPolicy } from '../policy-digest.ts';
import { inParameter, RC, refuse } from '../response-codes.ts';
import { hashOfName } from '../tickets.ts';

/** Part 3, 23.9 and 23.22: what a policy asks of an NV index. */
export const policyNv = {
  PolicyNV: handler<'PolicyNV'>()({
    handles: ['nvAuth', 'nv', 'policySession'],
    run: (machine, [authority, { index }, { session }], { operandB, offset, operation }) => {
      if (session.type !== 'trial') {
        const allowed = readable(authority, index);
        if (!allowed.ok) return allowed;
        if (offset > index.data.length) return inParameter(2, RC.value);
        if (offset + operandB.length > index.data.length) return inParameter(1, RC.size);
        const operandA = index.data.subarray(offset, offset + operandB.length);
        if (!COMPARE[operation](operandA, operandB)) return refuse(RC.policy);
      }
      const terms = concat(operandB, u16be(offset), encode(TPM_EO, operation));
      extendPolicy(machine, session, 'PolicyNV', machine.crypto.hash(session.hash, terms), index.name);
      return ok({ response: {} });
    },
  }),
  /** The index holds a TPMT_HA, the policy that counts now. */
  PolicyAuthorizeNV: handler<'PolicyAuthorizeNV'>()({
    handles: ['nvAuth', 'nv', 'policySession'],
    run: (machine, [authority, { index }, { session }]) => {
      if (session.type !== 'trial') {
        const allowed = readable(authority, index);
        if (!allowed.ok) return allowed;
        if (!hashOfName(index.data)) return refuse(RC.hash);
        const approved = decodePrefix(TPMT_HA, index.data);
        if (!approved.ok) return refuse(RC.insufficient);
        const { hashAlg, digest } = approved.value.value;
        if (hashAlg !== session.hash) return refuse(RC.hash);
        if (!equal(digest, session.policy.digest)) return refuse(RC.value);
      }
      session.policy.digest = emptyPolicy(session.hash);
      extendPolicy(machine, session, 'PolicyAuthorizeNV', index.name);
      return ok({ response: {} });
    },
  }),
};

type Compare = (a: Uint8Array, b: Uint8Array) => boolean;

const unsigned =
  (holds: (a: bigint, b: bigint) => boolean): Compare =>
  (a, b) =>
    holds(toBigint(a), toBigint(b));
const signed =
  (holds: (a: bigint, b: bigint) => boolean): Compare =>
  (a, b) =>
    holds(signedOf(a), signedOf(b));
const signedOf = (bytes: Uint8Array) => BigInt.asIntN(8 * bytes.length, toBigint(bytes));

/** The index's bytes on the left. Part 2, 6.17. */
const COMPARE: Readonly<Record<RequestOf<'PolicyNV'>['operation'], Compare>> = {
  eq: equal,
  neq: (a, b) => !equal(a, b),
  signedGt: signed((a, b) => a > b),
  unsignedGt: unsigned((a, b) => a > b),
  signedLt: signed((a, b) => a < b),
  unsignedLt: unsigned((a, b) => a < b),
  signedGe: signed((a, b) => a >= b),
  unsignedGe: unsigned((a, b) => a >= b),
  signedLe: signed((a, b) => a <= b),
  unsignedLe: unsigned((a, b) => a <= b),
  bitSet: (a, b) => b.every((byte, i) => ((a[i] as number) & byte) === byte),
  bitClear: (a, b) => b.every((byte, i) => ((a[i] as number) & byte) === 0),
};
