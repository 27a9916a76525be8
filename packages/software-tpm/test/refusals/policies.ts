import { concat } from '@sekimori/bytes';
import { AK_ECC_P256, COMMANDS, EK_POLICY_A, healthKeyTemplate, nameOf, PolicyDigest } from '@sekimori/tpm2';
import { crypto, NONE, PASSWORD, send } from '../tpms.ts';
import {
  type RefusalCase,
  NULL,
  EK,
  NONCE,
  DIGEST,
  POLICY_NONE,
  session,
  altered,
  POINT,
  SIGNER,
  signer,
  approve,
  refused,
  endorsement,
  quoteOf,
  NO_TICKET,
} from './bench.ts';

export const POLICIES: readonly RefusalCase[] = [
  refused('a policy session on a key without a policy', 'TPM_RC_POLICY_FAIL session 1', async (tpm) => {
    const policy = await tpm.session({ sessionType: 'policy' });
    return tpm.outcome('Quote', { ...quoteOf(await tpm.primary(AK_ECC_P256)), authorizations: [session(policy)] });
  }),
  refused('a policy that is not satisfied', 'TPM_RC_POLICY_FAIL session 1', async (tpm) => {
    const key = await tpm.primary(healthKeyTemplate(EK_POLICY_A.sha256));
    const policy = await tpm.session({ sessionType: 'policy' });
    return tpm.outcome('ECDH_ZGen', { handles: [key], request: { inPoint: POINT }, authorizations: [session(policy)] });
  }),
  refused('a policy for another command', 'TPM_RC_POLICY_CC session 1', async (tpm) => {
    const { code } = COMMANDS.Quote;
    const digest = crypto.hash('sha256', concat(POLICY_NONE, Uint8Array.of(0, 0, 1, 0x6c, 0, 0, 1, code & 0xff)));
    const key = await tpm.primary(healthKeyTemplate(digest));
    const policy = await tpm.session({ sessionType: 'policy' });
    await tpm.outcome('PolicyCommandCode', { handles: [policy], request: { code } });
    return tpm.outcome('ECDH_ZGen', { handles: [key], request: { inPoint: POINT }, authorizations: [session(policy)] });
  }),
  refused('PolicySecret alone for the ADMIN role', 'TPM_RC_POLICY_FAIL session 1', async (tpm) => {
    const policy = await tpm.session({ sessionType: 'policy' });
    await tpm.outcome('PolicySecret', {
      handles: [endorsement, policy],
      request: { nonceTPM: NONE, cpHashA: NONE, policyRef: NONE, expiration: 0 },
      authorizations: [PASSWORD],
    });
    return tpm.outcome('Certify', {
      handles: [EK, await tpm.primary(AK_ECC_P256)],
      request: { qualifyingData: NONE, inScheme: { scheme: 'null' } },
      authorizations: [session(policy), PASSWORD],
    });
  }),
  refused('PolicyPCR of another value', 'TPM_RC_VALUE parameter 1', async (tpm) =>
    tpm.outcome('PolicyPCR', {
      handles: [await tpm.session({ sessionType: 'policy' })],
      request: { pcrDigest: DIGEST, pcrs: [{ bank: 'sha256', indices: [23] }] },
    }),
  ),
  refused('PolicyOR of branches that were not taken', 'TPM_RC_VALUE parameter 1', async (tpm) =>
    tpm.outcome('PolicyOR', {
      handles: [await tpm.session({ sessionType: 'policy' })],
      request: { pHashList: [DIGEST, NONCE] },
    }),
  ),
  refused('PolicySecret with another nonce', 'TPM_RC_NONCE parameter 1', async (tpm) =>
    tpm.outcome('PolicySecret', {
      handles: [endorsement, await tpm.session({ sessionType: 'policy' })],
      request: { nonceTPM: NONCE, cpHashA: NONE, policyRef: NONE, expiration: 0 },
      authorizations: [PASSWORD],
    }),
  ),
  refused('PolicyCommandCode of two commands', 'TPM_RC_VALUE parameter 1', async (tpm) => {
    const handles = [await tpm.session({ sessionType: 'policy' })];
    await tpm.outcome('PolicyCommandCode', { handles, request: { code: COMMANDS.Quote.code } });
    return tpm.outcome('PolicyCommandCode', { handles, request: { code: COMMANDS.Certify.code } });
  }),
  refused('a policy command on an HMAC session', 'TPM_RC_VALUE handle 1', async (tpm) =>
    tpm.outcome('PolicyGetDigest', { handles: [await tpm.session()], request: {} }),
  ),
  refused('a policy command on no session', 'TPM_RC_REFERENCE_H0', (tpm) =>
    tpm.outcome('PolicyGetDigest', { handles: [0x03000002], request: {} }),
  ),
  refused('PolicyAuthorize of another policy', 'TPM_RC_VALUE parameter 1', async (tpm) =>
    tpm.outcome('PolicyAuthorize', approve(await tpm.session({ sessionType: 'policy' }), { approvedPolicy: DIGEST })),
  ),
  refused('PolicyAuthorize without a ticket', 'TPM_RC_VALUE parameter 4', async (tpm) =>
    tpm.outcome('PolicyAuthorize', approve(await tpm.session({ sessionType: 'policy' }), {})),
  ),
  refused('PolicyAuthorize with the empty ticket of the NULL hierarchy', 'TPM_RC_VALUE parameter 4', async (tpm) =>
    tpm.outcome(
      'PolicyAuthorize',
      approve(await tpm.session({ sessionType: 'policy' }), { checkTicket: { ...NO_TICKET, hierarchy: NULL } }),
    ),
  ),
  refused('PolicyAuthorize by no Name', 'TPM_RC_HASH parameter 3', async (tpm) =>
    tpm.outcome('PolicyAuthorize', approve(await tpm.session({ sessionType: 'policy' }), { keySign: DIGEST })),
  ),
  refused('PolicyAuthorize by half a Name', 'TPM_RC_SIZE parameter 3', async (tpm) =>
    tpm.outcome(
      'PolicyAuthorize',
      approve(await tpm.session({ sessionType: 'policy' }), { keySign: nameOf(crypto, SIGNER).subarray(0, 20) }),
    ),
  ),
  refused('PolicyAuthorize in a trial session', 'TPM_RC_SUCCESS', async (tpm) =>
    tpm.outcome('PolicyAuthorize', approve(await tpm.session({ sessionType: 'trial' }), {})),
  ),
  refused('PolicySecret by a policy that shows no authorization', 'TPM_RC_MODE session 1', async (tpm) => {
    const { code } = COMMANDS.PolicySecret;
    const authPolicy = PolicyDigest.start(crypto, 'sha256').commandCode(code).digest;
    const key = await tpm.primary(altered(AK_ECC_P256, () => ({ authPolicy })));
    const [one, other] = [await tpm.session({ sessionType: 'policy' }), await tpm.session({ sessionType: 'policy' })];
    await tpm.outcome('PolicyCommandCode', { handles: [one], request: { code } });
    return tpm.outcome('PolicySecret', {
      handles: [key, other],
      request: { nonceTPM: NONE, cpHashA: NONE, policyRef: NONE, expiration: 0 },
      authorizations: [session(one)],
    });
  }),
  refused('PolicyNvWritten for what is no index', 'TPM_RC_POLICY_FAIL session 1', async (tpm) => {
    const policy = await tpm.session({ sessionType: 'policy' });
    await tpm.outcome('PolicyNvWritten', { handles: [policy], request: { writtenSet: true } });
    const { parameters } = await send(tpm.transport, 'PolicyGetDigest', { handles: [policy], request: {} });
    const key = await tpm.primary(altered(AK_ECC_P256, () => ({ authPolicy: parameters.slice(2) })));
    return tpm.outcome('Quote', { ...quoteOf(key), authorizations: [session(policy)] });
  }),
  refused('PolicyDuplicationSelect for another command', 'TPM_RC_COMMAND_CODE', async (tpm) => {
    const handles = [await tpm.session({ sessionType: 'policy' })];
    await tpm.outcome('PolicyCommandCode', { handles, request: { code: COMMANDS.Quote.code } });
    const request = { objectName: NONE, newParentName: NONE, includeObject: false };
    return tpm.outcome('PolicyDuplicationSelect', { handles, request });
  }),
  refused('PolicyLocality of bits and of a number', 'TPM_RC_RANGE parameter 1', async (tpm) => {
    const handles = [await tpm.session({ sessionType: 'policy' })];
    await tpm.outcome('PolicyLocality', { handles, request: { locality: 40 } });
    await tpm.outcome('PolicyLocality', { handles, request: { locality: 40 } });
    return tpm.outcome('PolicyLocality', { handles, request: { locality: 41 } });
  }),
  refused('PolicySigned in another scheme than the key’s', 'TPM_RC_SCHEME parameter 5', async (tpm) =>
    tpm.outcome('PolicySigned', {
      handles: [await signer(tpm), await tpm.session({ sessionType: 'policy' })],
      request: {
        nonceTPM: NONE,
        cpHashA: NONE,
        policyRef: NONE,
        expiration: 0,
        auth: { sigAlg: 'rsassa', hash: 'sha256', sig: new Uint8Array(256) },
      },
    }),
  ),
];
