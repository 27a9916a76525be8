import { toHex } from '@sekimori/bytes';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { expect, it } from 'vitest';
import type { Entity, SessionOptions } from '../client/client.ts';
import { TPM_RH } from '../structures/handles.ts';
import {
  policyAuthValue,
  policyDigestOf,
  policyLocality,
  policyPassword,
  type PolicyStep,
  satisfyPolicy,
} from '../policy/steps.ts';
import { publicArea } from '../structures/public-area.ts';
import { AK_ECC_P256 } from '../keys/templates.ts';
import type { SessionUse } from '../client/session.ts';
import { type Bench, DIGEST, FIRMWARE } from './bench.ts';

const AUTH = new Secret(new Uint8Array(20).fill(0xa5));
const WRONG = new Secret(new Uint8Array(20).fill(0x5a));

/** Sessions bound to an entity, other ciphers for parameters, and what an authValue is good for in a policy session. */
export function boundSessionsContract({ tpm, withMeddling, endorsementKey }: Bench): void {
  /** An attestation key that only its authValue or its policy opens. */
  async function withKey<T>(steps: readonly PolicyStep[] | undefined, work: (key: Entity) => Promise<T>): Promise<T> {
    const policy = steps && policyDigestOf(crypto, 'sha256', steps);
    const made = expectOk(
      await tpm.run('CreatePrimary', {
        handles: { primaryHandle: TPM_RH.endorsement },
        parameters: {
          inSensitive: { userAuth: AUTH.use((bytes) => Uint8Array.from(bytes)), data: new Uint8Array(0) },
          inPublic: publicArea({
            ...AK_ECC_P256.value,
            ...(policy && { authPolicy: policy }),
            objectAttributes: policy
              ? { ...AK_ECC_P256.value.objectAttributes, userWithAuth: false }
              : AK_ECC_P256.value.objectAttributes,
          }),
          outsideInfo: new Uint8Array(0),
          creationPCR: [],
        },
      }),
    );
    try {
      return await work({ handle: made.handle, name: made.parameters.name });
    } finally {
      await tpm.flush(made.handle);
    }
  }
  const quoteIn = (
    key: Entity,
    options: SessionOptions,
    use: Omit<SessionUse, 'session'>,
    steps: readonly PolicyStep[] = [],
  ) =>
    tpm.withSession(options, async (session) => {
      const satisfied = await satisfyPolicy(tpm, session, steps);
      if (!satisfied.ok) return satisfied;
      return tpm.run('Quote', {
        handles: { signHandle: key },
        parameters: { qualifyingData: DIGEST, inScheme: { scheme: 'null' }, PCRselect: [FIRMWARE] },
        authorize: [{ session, ...use }],
      });
    });
  const refused = { fault: { code: 'tpm-error', response: { name: 'TPM_RC_BAD_AUTH' } } };

  it.each(['aes-128-cfb', 'aes-256-cfb', 'xor'] as const)('encrypts both parameters with %s', async (encryption) => {
    const ek = await endorsementKey();
    await withKey(undefined, async (key) => {
      const frames: string[] = [];
      const note = (command: Uint8Array, response: Uint8Array) => {
        frames.push(toHex(command), toHex(response));
        return response;
      };
      const options = { type: 'hmac', saltTo: ek, encryption } as const;
      const quoted = await withMeddling(note, () =>
        quoteIn(key, options, { authValue: AUTH, decrypt: true, encrypt: true }),
      );
      expectOk(quoted);
      expect(frames.filter((frame) => frame.includes(toHex(DIGEST)))).toEqual([]);
      expect(await quoteIn(key, options, { authValue: WRONG, decrypt: true, encrypt: true })).toMatchObject(refused);
    });
    await ek.release();
  });

  it('authorizes the entity that a session is bound to, salted or not', async () => {
    const ek = await endorsementKey();
    await withKey(undefined, async (key) => {
      for (const salt of [{}, { saltTo: ek }]) {
        const bound = { type: 'hmac', bind: { entity: key, authValue: AUTH }, ...salt } as const;
        expectOk(await quoteIn(key, bound, { authValue: AUTH }));
        expectOk(await quoteIn(key, bound, { authValue: AUTH, decrypt: true, encrypt: true }));
        const wrong = { type: 'hmac', bind: { entity: key, authValue: WRONG }, ...salt } as const;
        expect(await quoteIn(key, wrong, { authValue: WRONG })).toMatchObject(refused);
      }
    });
    await ek.release();
  });

  it('authorizes another entity in a session that is bound to the first', async () => {
    await withKey(undefined, (bound) =>
      withKey([policyAuthValue()], async (other) => {
        const options = { type: 'hmac', bind: { entity: bound, authValue: AUTH } } as const;
        expect(await quoteIn(other, options, { authValue: AUTH })).toMatchObject({
          fault: { response: { name: 'TPM_RC_AUTH_UNAVAILABLE' } },
        });
      }),
    );
    await withKey(undefined, async (key) => {
      const options = {
        type: 'hmac',
        bind: { entity: TPM_RH.endorsement, authValue: new Secret(new Uint8Array(0)) },
      } as const;
      expectOk(await quoteIn(key, options, { authValue: AUTH, decrypt: true, encrypt: true }));
      expect(await quoteIn(key, options, { authValue: WRONG })).toMatchObject(refused);
    });
  });

  it('changes the authorization of the entity that a session is bound to, encrypted, without being given it again', async () => {
    const ek = await endorsementKey();
    const change = (from: Secret, to: Secret) =>
      tpm.withSession({ type: 'hmac', saltTo: ek, bind: { entity: TPM_RH.owner, authValue: from } }, (session) =>
        tpm.run('HierarchyChangeAuth', {
          handles: { authHandle: TPM_RH.owner },
          parameters: { newAuth: to.use((bytes) => Uint8Array.from(bytes)) },
          authorize: [{ session, responseAuthValue: to, decrypt: true }],
        }),
      );
    const empty = new Secret(new Uint8Array(0));
    expectOk(await change(empty, AUTH));
    expect(await change(empty, WRONG)).toMatchObject({ fault: { code: 'tpm-error' } });
    expectOk(await change(AUTH, WRONG));
    expectOk(await change(WRONG, empty));
    const asOwner = { handles: { authHandle: TPM_RH.owner }, parameters: { newAuth: new Uint8Array(0) } };
    expectOk(await tpm.run('HierarchyChangeAuth', asOwner)); // with the empty password
    await ek.release();
  });

  it('lets sessions encrypt where nothing is to be authorized', async () => {
    const ek = await endorsementKey();
    const salted = { type: 'hmac', saltTo: ek } as const;
    const hashed = await tpm.withSession(salted, (first) =>
      tpm.withSession(salted, (second) =>
        tpm.run('Hash', {
          parameters: { data: DIGEST, hashAlg: 'sha256', hierarchy: TPM_RH.null },
          authorize: [
            { session: first, decrypt: true },
            { session: second, encrypt: true },
          ],
        }),
      ),
    );
    expect(toHex(expectOk(hashed).parameters.outHash)).toBe(toHex(crypto.hash('sha256', DIGEST)));
    await ek.release();
  });

  it('takes an authValue in a policy session as HMAC key or in clear, as the policy says', async () => {
    const ek = await endorsementKey();
    const salted = { type: 'policy', saltTo: ek } as const;
    const [byValue, byPassword] = [[policyAuthValue()], [policyPassword()]];
    await withKey(byValue, async (key) => {
      expectOk(await quoteIn(key, salted, { authValue: AUTH, decrypt: true, encrypt: true }, byValue));
      expect(await quoteIn(key, salted, { authValue: WRONG }, byValue)).toMatchObject(refused);
    });
    await withKey(byPassword, async (key) => {
      const password = { policyAuth: 'password' } as const;
      expectOk(await quoteIn(key, { type: 'policy' }, { ...password, authValue: AUTH }, byPassword));
      expect(await quoteIn(key, { type: 'policy' }, { ...password, authValue: WRONG }, byPassword)).toMatchObject(
        refused,
      );
    });
    await ek.release();
  });

  it('has an authValue take part in encryption, where a policy without it authorizes', async () => {
    const ek = await endorsementKey();
    const steps = [policyLocality(0)];
    await withKey(steps, async (key) => {
      const options = { type: 'policy', saltTo: ek } as const;
      expectOk(
        await quoteIn(key, options, { policyAuth: 'none', authValue: AUTH, decrypt: true, encrypt: true }, steps),
      );
    });
    await ek.release();
  });
}
