import { toBase64, utf8 } from '@sekimori/bytes';
import type { Crypto, Secret } from '@sekimori/crypto-core';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import { readJson } from '@sekimori/service-kit/program';
import { type CredentialFault, makeCredential } from '@sekimori/tpm2';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { type BootPolicy, bootPolicyToken } from './boot-policy.ts';
import type { RecoveryRequest } from './recovery-request.ts';
import { BootPolicyToken } from './tokens.ts';

const Base64 = Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: 1024 });

/** Public: the TPM of the request alone opens the credential, in the boot of the request. */
const RecoveryAnswer = Type.Object(
  {
    type: Type.Literal('sekimori-recovery-answer'),
    version: Type.Literal(1),
    /** TPM2B_ID_OBJECT. */
    credential: Base64,
    /** TPM2B_ENCRYPTED_SECRET. */
    secret: Base64,
    bootPolicy: Type.Optional(BootPolicyToken),
  },
  { additionalProperties: false },
);
type RecoveryAnswer = Static<typeof RecoveryAnswer>;

/**
 * The recovery key for the TPM of a request, and nobody on the way: TPM2_MakeCredential to its endorsement key and the Name of
 * the key it made for this boot. With `bootPolicy` this boot is approved for later, too: the guest writes it to its disks.
 */
export function answerRecovery(
  crypto: Crypto,
  request: RecoveryRequest,
  recoveryKey: Secret,
  options: { readonly bootPolicy?: BootPolicy } = {},
): Result<Uint8Array, CredentialFault> {
  const made = makeCredential(crypto, request.endorsementKey, request.keyName, recoveryKey);
  if (!made.ok) return made;
  const answer: RecoveryAnswer = {
    type: 'sekimori-recovery-answer',
    version: 1,
    credential: toBase64(made.value.credentialBlob),
    secret: toBase64(made.value.encryptedSecret),
    ...(options.bootPolicy && { bootPolicy: bootPolicyToken(options.bootPolicy) }),
  };
  return ok(utf8(`${JSON.stringify(answer)}\n`));
}

const MAX_ANSWER = 16 * 1024;

/** For whoever takes a file to the guest. `recovery-answer-malformed`: not what `answerRecovery` gives. */
export function readRecoveryAnswer(bytes: Uint8Array): Result<RecoveryAnswer, Fault<'recovery-answer-malformed'>> {
  if (bytes.length > MAX_ANSWER) return fail('recovery-answer-malformed', `${bytes.length} bytes`);
  const json = readJson(bytes);
  if (!json.ok) return fail('recovery-answer-malformed', 'no JSON', { cause: json.fault });
  return Value.Check(RecoveryAnswer, json.value) ? ok(json.value) : fail('recovery-answer-malformed', 'another shape');
}

const CHUNK = 800;

/** What the guest hears. Undefined for what is no answer. */
export function answerLines(bytes: Uint8Array): string | undefined {
  const answer = readRecoveryAnswer(bytes);
  if (!answer.ok) return undefined;
  const { credential, secret, bootPolicy } = answer.value;
  const policy = bootPolicy === undefined ? '' : toBase64(utf8(JSON.stringify(bootPolicy)));
  const lines = Object.entries({ credential, secret, policy }).flatMap(([name, text]) =>
    (text.match(new RegExp(`.{1,${CHUNK}}`, 'g')) ?? []).map((chunk) => `answer ${name} ${chunk}\n`),
  );
  return [...lines, 'answered\n'].join('');
}
