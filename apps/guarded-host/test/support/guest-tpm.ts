import { toBase64, utf8 } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import type { VmId } from '@sekimori/guest-state';
import { expectOk, ok, type Result } from '@sekimori/result';
import { boot } from '@sekimori/testkit';
import {
  COMMANDS,
  createPrimary,
  type Credential,
  EMPTY_PASSWORD,
  type LoadedKey,
  openEndorsementKey,
  type PublicArea,
  publicArea,
  quoteWithPcrs,
  readPcrs,
  type Tpm,
  TPM2B_ENCRYPTED_SECRET,
  TPM2B_ID_OBJECT,
  TPM_RH,
} from '@sekimori/tpm2';
import type { RecoveryPart } from '../../src/guest-disk/guest-lines.ts';
import { BOOT_PCRS } from '../../src/guest-disk/layout.ts';
import {
  RECOVERY_PCRS,
  recoveryBinding,
  recoveryKeyPolicy,
  recoveryKeyTemplate,
  writeRecoveryRequest,
} from '../../src/guest-disk/recovery-request.ts';

/** What sekimori-guest does, with our own client: a second implementation of the guest's half, and one that can be told to err. */
export interface GuestRequest {
  readonly parts: Map<RecoveryPart, string>;
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  readonly key: LoadedKey;
  bytes(): Uint8Array;
}

/** The key of the request stays loaded: the caller flushes it. */
export async function guestRequest(
  tpm: Tpm,
  vmId: VmId,
  change: {
    readonly template?: (usual: PublicArea) => PublicArea;
    readonly hierarchy?: number;
    readonly nonce?: Uint8Array;
    readonly binding?: Uint8Array;
  } = {},
): Promise<GuestRequest> {
  const nonce = change.nonce ?? crypto.random(32);
  const policy = recoveryKeyPolicy(crypto, expectOk(await readPcrs(tpm, BOOT_PCRS)));
  const unique = { is: 'ecc', value: { x: nonce, y: new Uint8Array(0) } } as const;
  const usual = publicArea({ ...recoveryKeyTemplate(policy).value, unique });
  const template = change.template?.(usual) ?? usual;
  const key = expectOk(await createPrimary(tpm, change.hierarchy ?? TPM_RH.endorsement, template));
  const binding = change.binding ?? recoveryBinding(crypto, vmId, nonce);
  const { attest, signature, pcrs } = expectOk(await quoteWithPcrs(tpm, key, RECOVERY_PCRS, binding));
  const ek = expectOk(await openEndorsementKey(tpm));
  await ek.release();
  const parts = new Map<RecoveryPart, string>([
    ['vm', toBase64(utf8(vmId))],
    ['nonce', toBase64(nonce)],
    ['ek', toBase64(ek.certificate)],
    ['ak', toBase64(key.tpm2bPublic)],
    ['attest', toBase64(attest)],
    ['signature', toBase64(signature)],
    ['log', toBase64(boot('uki-snakeoil'))],
  ]);
  return { parts, pcrs, key, bytes: () => writeRecoveryRequest(parts, pcrs) };
}

/** TPM2_ActivateCredential under the key's policy. */
export async function activate(tpm: Tpm, key: LoadedKey, credential: Credential): Promise<Result<Secret>> {
  const ek = expectOk(await openEndorsementKey(tpm));
  const none = new Uint8Array(0);
  const outcome = await tpm.withSession({ type: 'policy' }, (admin) =>
    tpm.withSession({ type: 'policy', saltTo: ek }, async (user) => {
      const steps = [
        await tpm.run('PolicyPCR', {
          handles: { policySession: admin.handle },
          parameters: { pcrDigest: none, pcrs: [BOOT_PCRS] },
        }),
        await tpm.run('PolicyCommandCode', {
          handles: { policySession: admin.handle },
          parameters: { code: COMMANDS.ActivateCredential.code },
        }),
        await tpm.run('PolicySecret', {
          handles: { authHandle: TPM_RH.endorsement, policySession: user.handle },
          parameters: { nonceTPM: none, cpHashA: none, policyRef: none, expiration: 0 },
          authorize: [EMPTY_PASSWORD],
        }),
      ];
      for (const step of steps) if (!step.ok) return step;
      const activated = await tpm.runForSecret('ActivateCredential', {
        handles: { activateHandle: key, keyHandle: ek },
        parameters: {
          credentialBlob: expectOk(decode(TPM2B_ID_OBJECT, credential.credentialBlob)),
          secret: expectOk(decode(TPM2B_ENCRYPTED_SECRET, credential.encryptedSecret)),
        },
        authorize: [{ session: admin }, { session: user, encrypt: true }],
      });
      return activated.ok ? ok(new Secret(activated.value.parameters.certInfo)) : activated;
    }),
  );
  await ek.release();
  return outcome;
}
