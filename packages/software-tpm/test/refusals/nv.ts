import { TPM_RH, TPMA_NV } from '@sekimori/tpm2';
import { PASSWORD, type RawCall } from '../tpms.ts';
import {
  type RefusalCase,
  NONCE,
  DIGEST,
  NV,
  define,
  nvRead,
  undefine,
  withNv,
  nvLock,
  LOCKABLE,
  refused,
  owner,
  NV_ATTRIBUTES,
} from './bench.ts';

export const INDICES: readonly RefusalCase[] = [
  refused('reading an index never written', 'TPM_RC_NV_UNINITIALIZED', (tpm) =>
    withNv(tpm, () => tpm.outcome('NV_Read', nvRead(owner, 8))),
  ),
  refused('writing an index with its own authorization', 'TPM_RC_AUTH_UNAVAILABLE', (tpm) =>
    withNv(tpm, () =>
      tpm.outcome('NV_Write', {
        handles: [NV, NV],
        request: { data: NONCE.subarray(24), offset: 0 },
        authorizations: [PASSWORD],
      }),
    ),
  ),
  refused('writing past the end of an index', 'TPM_RC_NV_RANGE', (tpm) =>
    withNv(tpm, () =>
      tpm.outcome('NV_Write', {
        handles: [owner, NV],
        request: { data: NONCE.subarray(24), offset: 1 },
        authorizations: [PASSWORD],
      }),
    ),
  ),
  refused('reading what was written', 'TPM_RC_SUCCESS', (tpm) =>
    withNv(tpm, async () => {
      const data = NONCE.subarray(24);
      await tpm.outcome('NV_Write', { handles: [owner, NV], request: { data, offset: 0 }, authorizations: [PASSWORD] });
      return tpm.outcome('NV_Read', nvRead(NV, 8));
    }),
  ),
  refused('reading past the end of an index', 'TPM_RC_NV_RANGE', (tpm) =>
    withNv(tpm, async () => {
      const data = NONCE.subarray(24);
      await tpm.outcome('NV_Write', { handles: [owner, NV], request: { data, offset: 0 }, authorizations: [PASSWORD] });
      return tpm.outcome('NV_Read', nvRead(owner, 8, 1));
    }),
  ),
  refused('reading as the owner where the owner may not', 'TPM_RC_NV_AUTHORIZATION', (tpm) =>
    withNv(tpm, () => tpm.outcome('NV_Read', nvRead(owner, 8)), {
      attributes: TPMA_NV.of('ownerWrite', 'authRead', 'noDA'),
    }),
  ),
  refused('defining an index twice', 'TPM_RC_NV_DEFINED', (tpm) =>
    withNv(tpm, () => tpm.outcome('NV_DefineSpace', define())),
  ),
  refused('defining an index nobody can read', 'TPM_RC_ATTRIBUTES parameter 2', (tpm) =>
    tpm.outcome('NV_DefineSpace', define({ attributes: TPMA_NV.of('ownerWrite') })),
  ),
  refused("an index of the owner that is the platform's by its attributes", 'TPM_RC_ATTRIBUTES handle 1', (tpm) =>
    tpm.outcome('NV_DefineSpace', define({ attributes: { ...NV_ATTRIBUTES, platformCreate: true } })),
  ),
  refused('the same, defined twice', 'TPM_RC_ATTRIBUTES handle 1', (tpm) =>
    withNv(tpm, () =>
      tpm.outcome('NV_DefineSpace', define({ attributes: { ...NV_ATTRIBUTES, platformCreate: true } })),
    ),
  ),
  refused("an index of the platform that is the owner's by its attributes", 'TPM_RC_ATTRIBUTES handle 1', (tpm) =>
    tpm.outcome('NV_DefineSpace', { ...define(), handles: [TPM_RH.platform] }),
  ),
  refused('an index of the owner that a policy alone deletes', 'TPM_RC_ATTRIBUTES parameter 2', (tpm) =>
    tpm.outcome('NV_DefineSpace', define({ attributes: { ...NV_ATTRIBUTES, policyDelete: true } })),
  ),
  refused("the same, the platform's by its attributes", 'TPM_RC_ATTRIBUTES handle 1', (tpm) =>
    tpm.outcome(
      'NV_DefineSpace',
      define({ attributes: { ...NV_ATTRIBUTES, platformCreate: true, policyDelete: true } }),
    ),
  ),
  refused(
    "an index whose authorization is too long, the platform's by its attributes",
    'TPM_RC_SIZE parameter 1',
    (tpm) => {
      const { request, ...call } = define({ attributes: { ...NV_ATTRIBUTES, platformCreate: true } });
      return tpm.outcome('NV_DefineSpace', { ...call, request: { ...request, auth: new Uint8Array(33).fill(1) } });
    },
  ),
  refused('undefining an index that is not there', 'TPM_RC_HANDLE handle 2', undefine),
  refused('writing a locked index', 'TPM_RC_NV_LOCKED', (tpm) =>
    withNv(
      tpm,
      async () => {
        const data = NONCE.subarray(24);
        const write: RawCall<'NV_Write'> = {
          handles: [owner, NV],
          request: { data, offset: 0 },
          authorizations: [PASSWORD],
        };
        await tpm.outcome('NV_Write', write);
        await tpm.outcome('NV_WriteLock', nvLock(owner));
        return tpm.outcome('NV_Write', write);
      },
      { attributes: LOCKABLE },
    ),
  ),
  refused('locking an index that cannot be locked', 'TPM_RC_ATTRIBUTES handle 2', (tpm) =>
    withNv(tpm, () => tpm.outcome('NV_WriteLock', nvLock(owner))),
  ),
  refused('locking an index with its own authorization', 'TPM_RC_AUTH_UNAVAILABLE', (tpm) =>
    withNv(tpm, () => tpm.outcome('NV_WriteLock', nvLock(NV)), { attributes: LOCKABLE }),
  ),
  refused('a counter of four bytes', 'TPM_RC_SIZE parameter 2', (tpm) =>
    tpm.outcome('NV_DefineSpace', define({ attributes: { ...NV_ATTRIBUTES, kind: 'counter' }, dataSize: 4 })),
  ),
  refused('a counter that forgets', 'TPM_RC_ATTRIBUTES parameter 2', (tpm) =>
    tpm.outcome(
      'NV_DefineSpace',
      define({ attributes: { ...TPMA_NV.of('ownerWrite', 'ownerRead', 'clearStClear'), kind: 'counter' } }),
    ),
  ),
  refused('an index that forgets and is locked for good', 'TPM_RC_ATTRIBUTES parameter 2', (tpm) =>
    tpm.outcome(
      'NV_DefineSpace',
      define({ attributes: TPMA_NV.of('ownerWrite', 'ownerRead', 'clearStClear', 'writeDefine') }),
    ),
  ),
  refused('half of what is written whole', 'TPM_RC_NV_RANGE', (tpm) =>
    withNv(
      tpm,
      () =>
        tpm.outcome('NV_Write', {
          handles: [owner, NV],
          request: { data: NONCE.subarray(28), offset: 0 },
          authorizations: [PASSWORD],
        }),
      { attributes: TPMA_NV.of('ownerWrite', 'ownerRead', 'authRead', 'noDA', 'writeAll') },
    ),
  ),
  refused('a policy digest of odd size for an index', 'TPM_RC_SIZE parameter 2', (tpm) =>
    tpm.outcome('NV_DefineSpace', define({ authPolicy: DIGEST.subarray(1) })),
  ),
];
