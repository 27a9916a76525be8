import { concat, equal, u16be } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import type { Secret } from '@sekimori/crypto-core';
import { type Fault, fail, ok } from '@sekimori/result';
import { TPM_ALG } from '../structures/algorithms.ts';
import { TPMA_NV } from '../structures/attributes.ts';
import type { Tpm, TpmResult } from '../client/client.ts';
import { TPM_RH } from '../structures/handles.ts';
import { TPMS_NV_PUBLIC } from '../structures/objects.ts';
import { nvEntity } from '../client/operations.ts';
import type { SaltKey } from '../policy/restart.ts';
import type { SessionUse } from '../client/session.ts';

/** The owner of a TPM: its authorization, never sent, and a key of the TPM that sessions are salted to. */
export interface TpmOwner {
  readonly auth: Secret;
  readonly saltTo: SaltKey;
}

/**
 * TPM2_HierarchyChangeAuth in a session salted to a key of the TPM: the new value crosses the wire encrypted. `invalid-key`: the public key
 * of `saltTo` is not sound. Part 3, 24.8.
 */
export async function changeHierarchyAuth(
  tpm: Tpm,
  hierarchy: 'owner' | 'endorsement' | 'lockout',
  { auth, saltTo }: TpmOwner,
  next: Secret,
): Promise<TpmResult<void, Fault<'invalid-key'>>> {
  return tpm.withSession({ type: 'hmac', saltTo }, async (session) => {
    const newAuth = next.use((bytes) => Uint8Array.from(bytes));
    const changed = await tpm.run('HierarchyChangeAuth', {
      handles: { authHandle: TPM_RH[hierarchy] },
      parameters: { newAuth },
      // The response is keyed with the new value already. Part 3, 24.8.
      authorize: [{ session, authValue: auth, responseAuthValue: next, decrypt: true }],
    });
    newAuth.fill(0);
    return changed.ok ? ok(undefined) : changed;
  });
}

/** Readable by anybody; written, locked and removed by the owner alone (or by the platform, which may remove any index). */
const OWNERS_INDEX = TPMA_NV.of('ownerWrite', 'ownerRead', 'authRead', 'writeDefine', 'noDA');
const NONE = new Uint8Array(0);

/**
 * An ordinary NV index of the owner, written once and locked: it stays as it is until the owner removes it.
 * TPM_RC_NV_DEFINED: there is one already; `invalid-key`: the public key of `saltTo` is not sound. Part 3, 31.
 */
export async function writeNvOnce(
  tpm: Tpm,
  { auth, saltTo }: TpmOwner,
  nvIndex: number,
  data: Uint8Array,
): Promise<TpmResult<void, Fault<'invalid-key'>>> {
  return tpm.withSession({ type: 'hmac', saltTo }, async (session) => {
    const authorize: readonly SessionUse[] = [{ session, authValue: auth }];
    const value = {
      nvIndex,
      nameAlg: 'sha256',
      attributes: OWNERS_INDEX,
      authPolicy: NONE,
      dataSize: data.length,
    } as const;
    const bytes = encode(TPMS_NV_PUBLIC, value);
    const defined = await tpm.run('NV_DefineSpace', {
      handles: { authHandle: TPM_RH.owner },
      parameters: { auth: NONE, publicInfo: { value, bytes } },
      authorize,
    });
    if (!defined.ok) return defined;
    const fresh = await nvEntity(tpm, nvIndex);
    if (!fresh.ok) return fresh;
    if (!equal(fresh.value.name, concat(u16be(TPM_ALG.sha256), tpm.crypto.hash('sha256', bytes))))
      return fail('tpm-malformed-response', 'TPM2_NV_ReadPublic gave another index than was defined');
    const written = await tpm.run('NV_Write', {
      handles: { authHandle: TPM_RH.owner, nvIndex: fresh.value },
      parameters: { data, offset: 0 },
      authorize,
    });
    if (!written.ok) return written;
    // Its Name is another one now: TPMA_NV_WRITTEN is part of it.
    const full = await nvEntity(tpm, nvIndex);
    if (!full.ok) return full;
    const locked = await tpm.run('NV_WriteLock', {
      handles: { authHandle: TPM_RH.owner, nvIndex: full.value },
      parameters: {},
      authorize,
    });
    return locked.ok ? ok(undefined) : locked;
  });
}

/** Removes an NV index of the owner. `invalid-key`: the public key of `saltTo` is not sound. Part 3, 31.4. */
export async function removeNv(
  tpm: Tpm,
  { auth, saltTo }: TpmOwner,
  nvIndex: number,
): Promise<TpmResult<void, Fault<'invalid-key'>>> {
  const found = await nvEntity(tpm, nvIndex);
  if (!found.ok) return found;
  return tpm.withSession({ type: 'hmac', saltTo }, async (session) => {
    const removed = await tpm.run('NV_UndefineSpace', {
      handles: { authHandle: TPM_RH.owner, nvIndex: found.value },
      parameters: {},
      authorize: [{ session, authValue: auth }],
    });
    return removed.ok ? ok(undefined) : removed;
  });
}
