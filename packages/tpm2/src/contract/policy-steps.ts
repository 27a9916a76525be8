import { toHex, u16be, concat } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import type { EcPublicKey } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { expect, it } from 'vitest';
import { TPM_ALG } from '../structures/algorithms.ts';
import { TPMA_NV } from '../structures/attributes.ts';
import { approvalOf, policySigner } from '../policy/authorized.ts';
import type { Entity } from '../client/client.ts';
import { TPM_RH } from '../structures/handles.ts';
import { TPMS_NV_PUBLIC } from '../structures/objects.ts';
import { extendPcr, nvEntity, readPcrs } from '../client/operations.ts';
import { EK_POLICY_A } from '../policy/digest.ts';
import {
  policyAuthorize,
  policyAuthorizeNv,
  policyAuthValue,
  policyCommandCode,
  policyCpHash,
  policyDigestOf,
  policyDuplicationSelect,
  policyLocality,
  policyNv,
  policyNvWritten,
  policyOr,
  policyPassword,
  policyPcr,
  policySecret,
  policySigned,
  type PolicyStep,
  satisfyPolicy,
} from '../policy/steps.ts';
import { publicArea } from '../structures/public-area.ts';
import type { TpmtSignature } from '../structures/signature.ts';
import { type Bench, DIGEST, PCR, PCR_SELECTION } from './bench.ts';

const NONE = new Uint8Array(0);
const POLICY_FILL = new Uint8Array(32).fill(0x0d);
const POLICY_INDEX = 0x01500f10;
const [NAME, OTHER] = [concat(u16be(TPM_ALG.sha256), DIGEST), concat(u16be(TPM_ALG.sha256), POLICY_FILL)];

/** Policies written down once: the digest that is computed is the one that a session reaches. */
export function policyStepsContract({ tpm }: Bench): void {
  const reached = async (steps: readonly PolicyStep[], authHash: 'sha256' | 'sha384' = 'sha256') =>
    expectOk(
      await tpm.withSession({ type: 'policy', authHash }, async (session) => {
        const done = await satisfyPolicy(tpm, session, steps);
        if (!done.ok) return done;
        return tpm.run('PolicyGetDigest', { handles: { policySession: session.handle }, parameters: {} });
      }),
    ).parameters.policyDigest;
  async function expectSame(steps: readonly PolicyStep[]): Promise<void> {
    for (const hash of ['sha256', 'sha384'] as const)
      expect(toHex(await reached(steps, hash))).toBe(toHex(policyDigestOf(crypto, hash, steps)));
  }
  const pcrStep = async () => policyPcr(PCR_SELECTION, expectOk(await readPcrs(tpm, PCR_SELECTION)));

  it.each<readonly [string, readonly PolicyStep[]]>([
    ['PolicySecret', [policySecret(TPM_RH.endorsement)]],
    ['PolicySecret with policyRef', [policySecret(TPM_RH.owner, { policyRef: DIGEST })]],
    ['PolicyAuthValue', [policyAuthValue()]],
    ['PolicyPassword', [policyPassword()]],
    ['PolicyCommandCode', [policyCommandCode('Quote')]],
    ['PolicyLocality', [policyLocality(0, 3)]],
    ['PolicyNvWritten', [policyNvWritten(true)]],
    ['PolicyDuplicationSelect', [policyDuplicationSelect(NAME, OTHER, false)]],
    ['PolicyDuplicationSelect with the object', [policyDuplicationSelect(NAME, OTHER, true)]],
    ['several', [policyAuthValue(), policyCommandCode('Sign'), policyLocality(0)]],
    [
      'PolicyOR within PolicyOR, after something',
      [
        policyLocality(0),
        policyOr(
          [
            [policyAuthValue()],
            [
              policyOr([[policyCommandCode('Sign')], [policyCommandCode('Quote'), policyNvWritten(true)]], 1),
              policyPassword(),
            ],
          ],
          1,
        ),
      ],
    ],
  ])('%s reaches the digest that was computed', async (_, steps) => {
    await expectSame(steps);
  });

  it('PolicyCpHash reaches the digest that was computed', async () => {
    const steps = [policyCpHash(DIGEST)];
    expect(toHex(await reached(steps))).toBe(toHex(policyDigestOf(crypto, 'sha256', steps)));
  });

  it('computes PolicyA of the EK Credential Profile', async () => {
    for (const hash of ['sha256', 'sha384'] as const)
      expect(toHex(await reached([policySecret(TPM_RH.endorsement)], hash))).toBe(toHex(EK_POLICY_A[hash]));
  });

  it('PolicyPCR reaches it while the PCRs are the same', async () => {
    const step = await pcrStep();
    await expectSame([step, policyAuthValue()]);
    expectOk(await extendPcr(tpm, PCR, 'sha256', DIGEST));
    const outcome = await tpm.withSession({ type: 'policy' }, (session) => satisfyPolicy(tpm, session, [step]));
    expect(outcome).toMatchObject({ fault: { command: 'PolicyPCR', response: { name: 'TPM_RC_VALUE' } } });
  });

  it('PolicySigned and PolicyAuthorize reach it with the signatures of their keys, and of no others', async () => {
    const [one, other] = [await aSigner(), await aSigner()];
    await expectSame([policySigned(one.signer, one.sign, DIGEST), policyAuthValue()]);
    const foreign = await tpm.withSession({ type: 'policy' }, (session) =>
      satisfyPolicy(tpm, session, [policySigned(one.signer, other.sign)]),
    );
    expect(foreign).toMatchObject({ fault: { command: 'PolicySigned', response: { name: 'TPM_RC_SIGNATURE' } } });

    const before = [policyAuthValue()];
    const approvedPolicy = policyDigestOf(crypto, 'sha256', before);
    const signature = await one.sign(approvalOf(approvedPolicy, DIGEST));
    const steps = [...before, policyAuthorize(one.signer, { approvedPolicy, policyRef: DIGEST, signature })];
    expect(toHex(await reached(steps))).toBe(toHex(policyDigestOf(crypto, 'sha256', steps)));
    const strong = await aSigner('P-384');
    const strongly = await strong.sign(approvalOf(approvedPolicy, DIGEST));
    const by = policyAuthorize(strong.signer, { approvedPolicy, policyRef: DIGEST, signature: strongly });
    expect(toHex(await reached([...before, by]))).toBe(toHex(policyDigestOf(crypto, 'sha256', [...before, by])));
    const another = [policyPassword(), policyCommandCode('Sign'), steps[1]!];
    const refused = await tpm.withSession({ type: 'policy' }, (session) => satisfyPolicy(tpm, session, another));
    expect(refused).toMatchObject({ fault: { command: 'PolicyAuthorize', response: { name: 'TPM_RC_VALUE' } } });
  });

  it('PolicyNV and PolicyAuthorizeNV reach it by what stands in the index', async () => {
    const approved = [policyCommandCode('Quote')];
    const content = concat(u16be(TPM_ALG.sha256), policyDigestOf(crypto, 'sha256', approved));
    await withIndex(content, async (index) => {
      await expectSame([policyNv(index, { operandB: content.subarray(2, 10), offset: 2, operation: 'eq' })]);
      await expectSame([policyNv(index, { operandB: Uint8Array.of(0), offset: 0, operation: 'unsignedGe' })]);
      const not = await tpm.withSession({ type: 'policy' }, (session) =>
        satisfyPolicy(tpm, session, [policyNv(index, { operandB: content, offset: 0, operation: 'neq' })]),
      );
      expect(not).toMatchObject({ fault: { command: 'PolicyNV', response: { name: 'TPM_RC_POLICY' } } });
      const steps = [...approved, policyAuthorizeNv(index), policyAuthValue()];
      expect(toHex(await reached(steps))).toBe(toHex(policyDigestOf(crypto, 'sha256', steps)));
      const another = [policyCommandCode('Sign'), policyAuthorizeNv(index)];
      const refused = await tpm.withSession({ type: 'policy' }, (session) => satisfyPolicy(tpm, session, another));
      expect(refused).toMatchObject({ fault: { command: 'PolicyAuthorizeNV', response: { name: 'TPM_RC_VALUE' } } });
    });
  });

  async function withIndex(data: Uint8Array, work: (index: Entity) => Promise<void>): Promise<void> {
    const value = {
      nvIndex: POLICY_INDEX,
      nameAlg: 'sha256',
      attributes: TPMA_NV.of('ownerWrite', 'authWrite', 'authRead', 'ownerRead', 'noDA'),
      authPolicy: NONE,
      dataSize: data.length,
    } as const;
    expectOk(
      await tpm.run('NV_DefineSpace', {
        handles: { authHandle: TPM_RH.owner },
        parameters: { auth: NONE, publicInfo: { value, bytes: encode(TPMS_NV_PUBLIC, value) } },
      }),
    );
    const handles = { authHandle: POLICY_INDEX, nvIndex: POLICY_INDEX };
    try {
      expectOk(await tpm.run('NV_Write', { handles, parameters: { data, offset: 0 } }));
      await work(expectOk(await nvEntity(tpm, POLICY_INDEX)));
    } finally {
      const undefined_ = { authHandle: TPM_RH.owner, nvIndex: POLICY_INDEX };
      expectOk(await tpm.run('NV_UndefineSpace', { handles: undefined_, parameters: {} }));
    }
  }
}

/** Of P-256 with SHA-256, or of P-384 with SHA-384 throughout. */
async function aSigner(curve: 'P-256' | 'P-384' = 'P-256') {
  const key = await crypto.generateKey({ type: 'ec', curve });
  const { value } = policySigner(key.publicKey as EcPublicKey);
  const hash = curve === 'P-256' ? 'sha256' : 'sha384';
  if (value.parameters.is !== 'ecc') throw new Error('a signer of policies has an EC key');
  const scheme = { scheme: 'ecdsa', hashAlg: hash } as const;
  const parameters = { is: 'ecc', value: { ...value.parameters.value, scheme } } as const;
  const sign = async (message: Uint8Array): Promise<TpmtSignature> => {
    const bytes = await key.sign(`ecdsa-${hash}`, message);
    const [signatureR, signatureS] = [bytes.subarray(0, bytes.length / 2), bytes.subarray(bytes.length / 2)];
    return { sigAlg: 'ecdsa', hash, signatureR, signatureS };
  };
  return { signer: publicArea({ ...value, nameAlg: hash, parameters }), sign };
}
