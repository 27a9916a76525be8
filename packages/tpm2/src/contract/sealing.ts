import { toHex } from '@sekimori/bytes';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk, ok } from '@sekimori/result';
import { expect, it } from 'vitest';
import { type Approval, approvalOf, authorizedPolicy, authorizePolicy } from '../policy/authorized.ts';
import { TPM_RH } from '../structures/handles.ts';
import { createPrimary, extendPcr, readPcrs } from '../client/operations.ts';
import { pcrDigestOf } from '../structures/pcr-selection.ts';
import { PolicyDigest } from '../policy/digest.ts';
import {
  policyAuthValue,
  policyDigestOf,
  policyPassword,
  policyPcr,
  type PolicyStep,
  satisfyPolicy,
} from '../policy/steps.ts';
import { seal, unseal } from '../protection/sealing.ts';
import type { Session } from '../client/session.ts';
import type { TpmtSignature } from '../structures/signature.ts';
import { SRK_ECC_P256 } from '../keys/templates.ts';
import { type Bench, DIGEST, PCR, PCR_SELECTION } from './bench.ts';
import { foreignSigner } from './policy-bench.ts';

const POLICY_REF = crypto.hash('sha256', DIGEST);

/** Sealed data under a policy over PCRs, and under one that a signer approved. */
export function sealingContract({ tpm, keeping, withMeddling, withSrk }: Bench): void {
  const pcrPolicy = async () =>
    PolicyDigest.start(crypto, 'sha256').pcr(
      [PCR_SELECTION],
      pcrDigestOf(crypto, 'sha256', [expectOk(await readPcrs(tpm, PCR_SELECTION)).get(PCR)!]),
    ).digest;
  const satisfyPcrs = async (session: Session) => {
    const done = await tpm.run('PolicyPCR', {
      handles: { policySession: session.handle },
      parameters: { pcrDigest: new Uint8Array(0), pcrs: [PCR_SELECTION] },
    });
    return done.ok ? ok(undefined) : done;
  };

  it('opens what it sealed while the PCRs are the same, and the data do not cross the wire in clear', async () => {
    await withSrk(async (srk) => {
      const data = crypto.random(32);
      const frames: string[] = [];
      const note = (command: Uint8Array, response: Uint8Array) => {
        frames.push(toHex(command), toHex(response));
        return response;
      };
      const policy = await pcrPolicy();
      const sealed = expectOk(await withMeddling(note, () => seal(tpm, srk, policy, new Secret(data))));
      const opened = expectOk(await withMeddling(note, () => unseal(tpm, srk, sealed, satisfyPcrs)));
      expect(opened.use(toHex)).toBe(toHex(data));
      expect(frames.length).toBeGreaterThan(0);
      expect(frames.filter((frame) => frame.includes(toHex(data)))).toEqual([]);
      expectOk(await extendPcr(tpm, PCR, 'sha256', DIGEST));
      expect(await unseal(tpm, srk, sealed, satisfyPcrs)).toMatchObject({
        fault: { response: { name: 'TPM_RC_POLICY_FAIL' } },
      });
    });
  });

  it.each(['hmac', 'password'] as const)(
    'opens under PCRs and an authValue together (%s), and under neither alone',
    async (policyAuth) => {
      const [pin, wrong] = [new Secret(Uint8Array.of(1, 2, 3, 4)), new Secret(Uint8Array.of(4, 3, 2, 1))];
      const asks = policyAuth === 'hmac' ? policyAuthValue() : policyPassword();
      const steps = [policyPcr(PCR_SELECTION, expectOk(await readPcrs(tpm, PCR_SELECTION))), asks];
      await withSrk(async (srk) => {
        const policy = policyDigestOf(crypto, 'sha256', steps);
        const sealed = expectOk(await seal(tpm, srk, policy, new Secret(DIGEST), { authValue: pin }));
        const openBy = (by: readonly PolicyStep[], authValue: Secret) =>
          unseal(tpm, srk, sealed, (session) => satisfyPolicy(tpm, session, by), { authValue, policyAuth });
        expect(expectOk(await openBy(steps, pin)).use(toHex)).toBe(toHex(DIGEST));
        expect(await openBy(steps, wrong)).toMatchObject({ fault: { response: { name: 'TPM_RC_BAD_AUTH' } } });
        expect(await openBy([asks], pin)).toMatchObject({ fault: { response: { name: 'TPM_RC_POLICY_FAIL' } } });
        expectOk(await extendPcr(tpm, PCR, 'sha256', DIGEST));
        expect(await openBy(steps, pin)).toMatchObject({
          fault: { command: 'PolicyPCR', response: { name: 'TPM_RC_VALUE' } },
        });
      });
    },
  );

  it('does not open sealed data that were changed, or sealed below another key', async () => {
    await withSrk(async (srk) => {
      const sealed = expectOk(await seal(tpm, srk, await pcrPolicy(), new Secret(DIGEST)));
      const changed = Uint8Array.from(sealed.tpm2bPrivate);
      changed[changed.length - 1]! ^= 1;
      const refused = { fault: { response: { name: 'TPM_RC_INTEGRITY' } } };
      expect(await unseal(tpm, srk, { ...sealed, tpm2bPrivate: changed }, satisfyPcrs)).toMatchObject(refused);
      await keeping(expectOk(await createPrimary(tpm, TPM_RH.null, SRK_ECC_P256)), async (other) =>
        expect(await unseal(tpm, other, sealed, satisfyPcrs)).toMatchObject(refused),
      );
      const cut = { ...sealed, tpm2bPublic: sealed.tpm2bPublic.subarray(1) };
      expect(await unseal(tpm, srk, cut, satisfyPcrs)).toMatchObject({ fault: { code: 'sealed-object-malformed' } });
    });
  });

  it('opens under any policy that a signer approved', async () => {
    const { signer, sign } = await foreignSigner();
    await withSrk(async (srk) => {
      const policy = authorizedPolicy(crypto, signer, POLICY_REF);
      const sealed = expectOk(await seal(tpm, srk, policy, new Secret(DIGEST)));
      const openWith = (approvedPolicy: Uint8Array, signature: TpmtSignature) =>
        unseal(tpm, srk, sealed, async (session) => {
          const satisfied = await satisfyPcrs(session);
          if (!satisfied.ok) return satisfied;
          return authorizePolicy(tpm, session, { signer, policyRef: POLICY_REF, approvedPolicy, signature });
        });
      for (let round = 0; round < 2; round++) {
        const approved = await pcrPolicy();
        const signature = await sign(approvalOf(approved, POLICY_REF));
        expect(expectOk(await openWith(approved, signature)).use(toHex)).toBe(toHex(DIGEST));
        expectOk(await extendPcr(tpm, PCR, 'sha256', DIGEST));
        expect(await openWith(approved, signature)).toMatchObject({
          fault: { response: { name: 'TPM_RC_VALUE', about: { part: 'parameter', number: 1 } } },
        });
      }
    });
  });

  it('does not open under a policy that somebody else approved, or approved for something else', async () => {
    const [owner, other] = [await foreignSigner(), await foreignSigner()];
    await withSrk(async (srk) => {
      const policy = authorizedPolicy(crypto, owner.signer, POLICY_REF);
      const sealed = expectOk(await seal(tpm, srk, policy, new Secret(DIGEST)));
      const openWith = (approval: Approval) =>
        unseal(tpm, srk, sealed, async (session) => {
          const satisfied = await satisfyPcrs(session);
          return satisfied.ok ? authorizePolicy(tpm, session, approval) : satisfied;
        });
      const approvedPolicy = await pcrPolicy();
      const common = { policyRef: POLICY_REF, approvedPolicy };
      const signature = await other.sign(approvalOf(approvedPolicy, POLICY_REF));
      expect(await openWith({ ...common, signer: owner.signer, signature })).toMatchObject({
        fault: { response: { name: 'TPM_RC_SIGNATURE' } },
      });
      expect(await openWith({ ...common, signer: other.signer, signature })).toMatchObject({
        fault: { response: { name: 'TPM_RC_POLICY_FAIL' } },
      });
      const forOther = await owner.sign(approvalOf(approvedPolicy, DIGEST));
      expect(await openWith({ ...common, policyRef: DIGEST, signer: owner.signer, signature: forOther })).toMatchObject(
        { fault: { response: { name: 'TPM_RC_POLICY_FAIL' } } },
      );
    });
  });
}
