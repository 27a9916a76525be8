import { concat, u32be } from '@sekimori/bytes';
import { type Crypto, type HashName, hashLength } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import { authorizePolicy } from './authorized.ts';
import type { Authorization, Entity, HandleArgument, Tpm, TpmResult } from '../client/client.ts';
import { type CommandName, COMMANDS, type RequestOf } from '../commands/table.ts';
import { TPM_RH, nameOfHandle } from '../structures/handles.ts';
import { nameOf } from '../structures/names.ts';
import { type PcrSelection, pcrDigestOf } from '../structures/pcr-selection.ts';
import { PolicyDigest } from './digest.ts';
import type { PublicArea } from '../structures/public-area.ts';
import type { Session } from '../client/session.ts';
import type { TpmtSignature } from '../structures/signature.ts';

// A policy, written down once: its digest is computed from it without a TPM, and a session is led through it. Part 1, 19.7.

/** One command of a policy. `before`: the digest that the steps before it have reached. Part 1, 19.7. */
export interface PolicyStep {
  readonly name: CommandName;
  extend(before: PolicyDigest): PolicyDigest;
  /** `tpm-error`: the TPM refuses it, since it does not hold. */
  run(tpm: Tpm, session: Session, before: PolicyDigest): Promise<TpmResult<void>>;
}

/** The digest of a policy: what an object's `authPolicy` holds, and what TPM2_PolicyGetDigest gives once all steps ran. */
export function policyDigestOf(crypto: Crypto, hash: HashName, steps: readonly PolicyStep[]): Uint8Array {
  return through(PolicyDigest.start(crypto, hash), steps).digest;
}

/** Runs the steps in a fresh policy session. `tpm-error`: the first refusal of the TPM ends it. Part 3, 23. */
export async function satisfyPolicy(
  tpm: Tpm,
  session: Session,
  steps: readonly PolicyStep[],
): Promise<TpmResult<void>> {
  return runFrom(tpm, session, PolicyDigest.start(tpm.crypto, session.authHash), steps);
}

async function runFrom(
  tpm: Tpm,
  session: Session,
  start: PolicyDigest,
  steps: readonly PolicyStep[],
): Promise<TpmResult<void>> {
  let reached = start;
  for (const step of steps) {
    const done = await step.run(tpm, session, reached);
    if (!done.ok) return done;
    reached = step.extend(reached);
  }
  return ok(undefined);
}

function through(start: PolicyDigest, steps: readonly PolicyStep[]): PolicyDigest {
  return steps.reduce((reached, step) => step.extend(reached), start);
}

/** TPM2_PolicyPCR: these PCRs have these values, one for each index. TPM_RC_VALUE: they have others. */
export function policyPcr(selection: PcrSelection, values: ReadonlyMap<number, Uint8Array>): PolicyStep {
  if (new Set(selection.indices).size !== selection.indices.length) throw new RangeError('a PCR is named twice');
  const ordered = selection.indices
    .toSorted((a, b) => a - b)
    .map((index) => {
      const value = values.get(index);
      if (value?.length !== hashLength(selection.bank))
        throw new RangeError(`no ${selection.bank} value for PCR ${index}`);
      return value;
    });
  const digest = ({ crypto, hash }: PolicyDigest) => pcrDigestOf(crypto, hash, ordered);
  return {
    name: 'PolicyPCR',
    extend: (before) => before.pcr([selection], digest(before)),
    run: (tpm, { handle }, before) =>
      nothingMore(
        tpm.run('PolicyPCR', {
          handles: { policySession: handle },
          parameters: { pcrDigest: digest(before), pcrs: [selection] },
        }),
      ),
  };
}

/** TPM2_PolicySecret: whoever runs the policy knows the authValue of `entity`. Left out, `authorization` is the empty password. */
export function policySecret(
  entity: HandleArgument,
  options: { readonly policyRef?: Uint8Array; readonly authorization?: Authorization } = {},
): PolicyStep {
  const { policyRef = NONE, authorization } = options;
  return {
    name: 'PolicySecret',
    extend: (before) => before.secret(nameOfArgument(entity), policyRef),
    run: (tpm, { handle }) =>
      nothingMore(
        tpm.run('PolicySecret', {
          handles: { authHandle: entity, policySession: handle },
          parameters: { nonceTPM: NONE, cpHashA: NONE, policyRef, expiration: 0 },
          ...(authorization && { authorize: [authorization] }),
        }),
      ),
  };
}

/**
 * TPM2_PolicySigned: the key's holder agrees, each time anew: `sign` signs nonceTPM || expiration || policyRef with the scheme of
 * `signer`. TPM_RC_SIGNATURE: not signed by that key.
 */
export function policySigned(
  signer: PublicArea,
  sign: (toBeSigned: Uint8Array) => Promise<TpmtSignature>,
  policyRef: Uint8Array = NONE,
): PolicyStep {
  return {
    name: 'PolicySigned',
    extend: (before) => before.signed(nameOf(before.crypto, signer), policyRef),
    run: async (tpm, session) => {
      const nonceTPM = session.nonceTpm;
      const auth = await sign(concat(nonceTPM, u32be(0), policyRef));
      const loaded = await tpm.run('LoadExternal', {
        parameters: { inPrivate: undefined, inPublic: signer, hierarchy: TPM_RH.null },
      });
      if (!loaded.ok) return loaded;
      const signed = await tpm.run('PolicySigned', {
        handles: { authObject: loaded.value.handle, policySession: session.handle },
        parameters: { nonceTPM, cpHashA: NONE, policyRef, expiration: 0, auth },
      });
      await tpm.flush(loaded.value.handle);
      return signed.ok ? ok(undefined) : signed;
    },
  };
}

/**
 * TPM2_PolicyAuthorize: `signature` of the key over whatever the steps before have reached, and `policyRef` (see `approvalOf`). The digest
 * starts anew: nothing of those steps is in it. TPM_RC_SIGNATURE: not signed by `signer`; TPM_RC_VALUE: something else was signed.
 */
export function policyAuthorize(
  signer: PublicArea,
  approval: { readonly approvedPolicy: Uint8Array; readonly policyRef: Uint8Array; readonly signature: TpmtSignature },
): PolicyStep {
  return {
    name: 'PolicyAuthorize',
    extend: ({ crypto, hash }) => PolicyDigest.authorize(crypto, hash, nameOf(crypto, signer), approval.policyRef),
    run: (tpm, session) => authorizePolicy(tpm, session, { signer, ...approval }),
  };
}

/** TPM2_PolicyAuthValue: the object's authValue is the key of the command's HMAC. */
export function policyAuthValue(): PolicyStep {
  return {
    name: 'PolicyAuthValue',
    extend: (before) => before.authValue(),
    run: (tpm, { handle }) => bare(tpm, 'PolicyAuthValue', handle, {}),
  };
}

/** TPM2_PolicyPassword: the object's authValue is given in clear (`policyAuth: 'password'`). */
export function policyPassword(): PolicyStep {
  return {
    name: 'PolicyPassword',
    extend: (before) => before.password(),
    run: (tpm, { handle }) => bare(tpm, 'PolicyPassword', handle, {}),
  };
}

/** TPM2_PolicyCommandCode: the session authorizes this command alone. */
export function policyCommandCode(command: CommandName): PolicyStep {
  const { code } = COMMANDS[command];
  return {
    name: 'PolicyCommandCode',
    extend: (before) => before.commandCode(code),
    run: (tpm, { handle }) => bare(tpm, 'PolicyCommandCode', handle, { code }),
  };
}

/** TPM2_PolicyCpHash: the session authorizes one command with these Names and parameters alone. `cpHashA` has the session's hash. */
export function policyCpHash(cpHashA: Uint8Array): PolicyStep {
  return {
    name: 'PolicyCpHash',
    extend: (before) => before.cpHash(cpHashA),
    run: (tpm, { handle }) => bare(tpm, 'PolicyCpHash', handle, { cpHashA }),
  };
}

/** TPM2_PolicyLocality: one of the localities 0 to 4. */
export function policyLocality(...localities: readonly (0 | 1 | 2 | 3 | 4)[]): PolicyStep {
  if (localities.length === 0) throw new RangeError('a policy of no locality is refused by every TPM');
  const locality = localities.reduce((all: number, each) => all | (1 << each), 0);
  return {
    name: 'PolicyLocality',
    extend: (before) => before.locality(locality),
    run: (tpm, { handle }) => bare(tpm, 'PolicyLocality', handle, { locality }),
  };
}

/** TPM2_PolicyNvWritten: the NV index that the session authorizes has been written, or has not. */
export function policyNvWritten(writtenSet: boolean): PolicyStep {
  return {
    name: 'PolicyNvWritten',
    extend: (before) => before.nvWritten(writtenSet),
    run: (tpm, { handle }) => bare(tpm, 'PolicyNvWritten', handle, { writtenSet }),
  };
}

/** Names of the object and its new parent: the session authorizes TPM2_Duplicate of that to this alone. */
export function policyDuplicationSelect(
  objectName: Uint8Array,
  newParentName: Uint8Array,
  includeObject: boolean,
): PolicyStep {
  return {
    name: 'PolicyDuplicationSelect',
    extend: (before) => before.duplicationSelect(objectName, newParentName, includeObject),
    run: (tpm, { handle }) =>
      bare(tpm, 'PolicyDuplicationSelect', handle, { objectName, newParentName, includeObject }),
  };
}

/** Who may read an NV index for a policy: the index itself (the default), the owner or the platform. */
export interface NvReader {
  readonly authHandle?: HandleArgument;
  readonly authorization?: Authorization;
}

/** TPM2_PolicyNV: the content of an NV index, from `offset` on, compared with `operandB`. TPM_RC_POLICY: the comparison does not hold. */
export function policyNv(
  nvIndex: Entity,
  comparison: RequestOf<'PolicyNV'>,
  { authHandle = nvIndex, authorization }: NvReader = {},
): PolicyStep {
  const { operandB, offset, operation } = comparison;
  return {
    name: 'PolicyNV',
    extend: (before) => before.nv(nvIndex.name, operandB, offset, operation),
    run: (tpm, { handle }) =>
      nothingMore(
        tpm.run('PolicyNV', {
          handles: { authHandle, nvIndex, policySession: handle },
          parameters: comparison,
          ...(authorization && { authorize: [authorization] }),
        }),
      ),
  };
}

/** TPM2_PolicyAuthorizeNV: the policy reached so far is the one that stands in the NV index, as hash algorithm and digest. The digest starts anew. */
export function policyAuthorizeNv(nvIndex: Entity, { authHandle = nvIndex, authorization }: NvReader = {}): PolicyStep {
  return {
    name: 'PolicyAuthorizeNV',
    extend: ({ crypto, hash }) => PolicyDigest.authorizeNv(crypto, hash, nvIndex.name),
    run: (tpm, { handle }) =>
      nothingMore(
        tpm.run('PolicyAuthorizeNV', {
          handles: { authHandle, nvIndex, policySession: handle },
          parameters: {},
          ...(authorization && { authorize: [authorization] }),
        }),
      ),
  };
}

/**
 * TPM2_PolicyOR: one of two to eight branches, each going on from what was reached before; `taken` is the one that is run. A branch may be a
 * digest alone, such as that of a policy whose steps are another's.
 */
export function policyOr(branches: readonly (readonly PolicyStep[] | Uint8Array)[], taken: number): PolicyStep {
  if (branches.length < 2 || branches.length > 8) throw new RangeError('TPM2_PolicyOR takes two to eight branches');
  const steps = branches[taken];
  if (!steps) throw new RangeError(`there is no branch ${taken}`);
  const digests = (before: PolicyDigest) =>
    branches.map((branch) => (branch instanceof Uint8Array ? branch : through(before, branch).digest));
  return {
    name: 'PolicyOR',
    extend: (before) => PolicyDigest.or(before.crypto, before.hash, digests(before)),
    run: async (tpm, session, before) => {
      if (steps instanceof Uint8Array) throw new RangeError(`there are no steps for branch ${taken}`);
      const satisfied = await runFrom(tpm, session, before, steps);
      return satisfied.ok ? bare(tpm, 'PolicyOR', session.handle, { pHashList: digests(before) }) : satisfied;
    },
  };
}

const NONE = new Uint8Array(0);

type Bare =
  | 'PolicyAuthValue'
  | 'PolicyPassword'
  | 'PolicyCommandCode'
  | 'PolicyCpHash'
  | 'PolicyLocality'
  | 'PolicyNvWritten'
  | 'PolicyDuplicationSelect'
  | 'PolicyOR';

/** A policy command that needs the session and nothing else. */
function bare<Name extends Bare>(
  tpm: Tpm,
  name: Name,
  policySession: number,
  parameters: RequestOf<Name>,
): Promise<TpmResult<void>> {
  const call = { handles: { policySession }, parameters };
  return nothingMore(tpm.run<Bare>(name, call));
}

async function nothingMore(running: Promise<TpmResult<unknown>>): Promise<TpmResult<void>> {
  const outcome = await running;
  return outcome.ok ? ok(undefined) : outcome;
}

function nameOfArgument(entity: HandleArgument): Uint8Array {
  if (typeof entity !== 'number') return entity.name;
  const name = nameOfHandle(entity);
  if (!name) throw new RangeError(`a policy needs the Name of 0x${entity.toString(16)}`);
  return name;
}
