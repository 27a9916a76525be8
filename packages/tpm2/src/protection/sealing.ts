import { equal } from '@sekimori/bytes';
import { decode, encode } from '@sekimori/codec';
import { Secret } from '@sekimori/crypto-core';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import { TPMA_OBJECT } from '../structures/attributes.ts';
import { MAX_SYM_DATA, TPM2B_PRIVATE } from '../structures/buffers.ts';
import type { Tpm, TpmFault, TpmResult } from '../client/client.ts';
import { nameOf } from '../structures/names.ts';
import type { LoadedKey } from '../client/operations.ts';
import { restartingPolicy } from '../policy/restart.ts';
import { type PublicArea, publicArea, TPM2B_PUBLIC } from '../structures/public-area.ts';
import type { Session, SessionUse } from '../client/session.ts';

/** Data that one TPM alone can open, under a policy. Both as their TPM2B, sizes included: what TPM2_Load takes. */
export interface SealedObject {
  /** TPM2B_PUBLIC. */
  readonly tpm2bPublic: Uint8Array;
  /** TPM2B_PRIVATE. */
  readonly tpm2bPrivate: Uint8Array;
}

const NONE = new Uint8Array(0);

/** Sealed data below a storage key: the policy alone opens it, which may ask for an authValue. noDA, so that a lockout does not close it. */
function sealedDataTemplate(authPolicy: Uint8Array): PublicArea {
  return publicArea({
    type: 'keyedhash',
    nameAlg: 'sha256',
    objectAttributes: TPMA_OBJECT.of('fixedTPM', 'fixedParent', 'noDA'),
    authPolicy,
    parameters: { is: 'keyedhash', value: { scheme: { scheme: 'null' } } },
    unique: { is: 'keyedhash', value: NONE },
  });
}

/**
 * TPM2_Create of sealed data below `parent`, a storage key with empty authorization, in a session salted to it: the data
 * cross the wire encrypted. `authPolicy` is a SHA-256 policy digest; `authValue` is what PolicyAuthValue or PolicyPassword in it asks for.
 * Throws for more than 128 bytes. `invalid-key`: the public key of `parent` is not sound. Part 3, 12.1.
 */
export async function seal(
  tpm: Tpm,
  parent: LoadedKey,
  authPolicy: Uint8Array,
  data: Secret,
  { authValue }: { readonly authValue?: Secret } = {},
): Promise<TpmResult<SealedObject, Fault<'invalid-key'>>> {
  if (data.length === 0 || data.length > MAX_SYM_DATA) throw new RangeError(`${data.length} bytes cannot be sealed`);
  return tpm.withSession({ type: 'hmac', saltTo: parent }, async (session) => {
    const clear = data.use((bytes) => Uint8Array.from(bytes));
    const userAuth = authValue?.use((bytes) => Uint8Array.from(bytes)) ?? NONE;
    const made = await tpm.run('Create', {
      handles: { parentHandle: parent },
      parameters: {
        inSensitive: { userAuth, data: clear },
        inPublic: sealedDataTemplate(authPolicy),
        outsideInfo: NONE,
        creationPCR: [],
      },
      authorize: [{ session, decrypt: true }],
    });
    for (const part of [clear, userAuth]) part.fill(0);
    if (!made.ok) return made;
    const { outPublic, outPrivate } = made.value.parameters;
    if (!equal(outPublic.value.authPolicy, authPolicy))
      return fail('tpm-malformed-response', 'TPM2_Create sealed under another policy');
    return ok({ tpm2bPublic: encode(TPM2B_PUBLIC, outPublic), tpm2bPrivate: encode(TPM2B_PRIVATE, outPrivate) });
  });
}

/**
 * TPM2_Load and TPM2_Unseal, in a policy session salted to `parent` with the answer encrypted; `satisfy` runs the policy's
 * commands in it, and again where a PCR changed meanwhile. `auth` goes with a policy that asks for an authValue. TPM_RC_POLICY_FAIL: the
 * policy does not hold (or, of PolicyPCR, TPM_RC_VALUE: the PCRs have other values); TPM_RC_BAD_AUTH: another authValue; TPM_RC_INTEGRITY:
 * sealed by another TPM. `sealed-object-malformed`: not such an object.
 */
export async function unseal<F extends Fault>(
  tpm: Tpm,
  parent: LoadedKey,
  sealed: SealedObject,
  satisfy: (session: Session) => Promise<Result<void, F>>,
  auth: Pick<SessionUse, 'authValue' | 'policyAuth'> = {},
): Promise<Result<Secret, F | TpmFault | Fault<'invalid-key' | 'sealed-object-malformed'>>> {
  const inPublic = decode(TPM2B_PUBLIC, sealed.tpm2bPublic);
  const inPrivate = decode(TPM2B_PRIVATE, sealed.tpm2bPrivate);
  if (!inPublic.ok) return fail('sealed-object-malformed', 'TPM2B_PUBLIC', { cause: inPublic.fault });
  if (!inPrivate.ok) return fail('sealed-object-malformed', 'TPM2B_PRIVATE', { cause: inPrivate.fault });
  const loaded = await tpm.run('Load', {
    handles: { parentHandle: parent },
    parameters: { inPrivate: inPrivate.value, inPublic: inPublic.value },
  });
  if (!loaded.ok) return loaded;
  const { handle } = loaded.value;
  const item = { handle, name: nameOf(tpm.crypto, inPublic.value) };
  try {
    return await restartingPolicy<Secret, F | TpmFault>(tpm, parent, async (session) => {
      const satisfied = await satisfy(session);
      if (!satisfied.ok) return satisfied;
      const opened = await tpm.runForSecret('Unseal', {
        handles: { itemHandle: item },
        parameters: {},
        authorize: [{ session, encrypt: true, ...auth }],
      });
      if (!opened.ok) return opened;
      const { outData } = opened.value.parameters;
      const secret = new Secret(outData);
      outData.fill(0);
      return ok(secret);
    });
  } finally {
    await tpm.flush(handle);
  }
}
