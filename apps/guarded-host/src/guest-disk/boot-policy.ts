import { concat, equal, fromBase64, fromHex, toBase64, toHex, utf8 } from '@sekimori/bytes';
import { decode, encode } from '@sekimori/codec';
import type { Crypto } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { parseVmId, type VmId } from '@sekimori/guest-state';
import type { Guardian, GuardianKeys } from '@sekimori/key-protector';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import { readJson } from '@sekimori/service-kit/program';
import { approvalOf, pcrDigestOf, PolicyDigest, TPMT_SIGNATURE } from '@sekimori/tpm2';
import { Value } from 'typebox/value';
import { BOOT_PCRS } from './layout.ts';
import { policyRefOf } from './owner-policy.ts';
import { BootPolicyToken } from './tokens.ts';

/** One boot of one VM that its owner approved. Public, and worth nothing for another VM. */
export interface BootPolicy {
  readonly vmId: VmId;
  /** For people: what was approved. Not signed. */
  readonly label: string;
  /** The values of `BOOT_PCRS`. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  /** PolicyPCR over them. */
  readonly policy: Uint8Array;
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array;
}

/** Approves a boot. Throws where a value is missing, or for a label that is no text of up to 64 printable ASCII letters. */
export async function signBootPolicy(
  crypto: Crypto,
  owner: GuardianKeys,
  boot: { readonly vmId: VmId; readonly label: string; readonly pcrs: ReadonlyMap<number, Uint8Array> },
): Promise<BootPolicy> {
  const { vmId, label } = boot;
  if (!/^[ -!#-[\]-~]{0,64}$/.test(label)) throw new RangeError(`no label: ${JSON.stringify(label)}`);
  const pcrs = new Map(BOOT_PCRS.indices.map((index) => [index, valueOf(boot.pcrs, index)]));
  const policy = policyOver(crypto, pcrs);
  const raw = await owner.signing.sign(approvalOf(policy, policyRefOf(crypto, vmId)));
  const [signatureR, signatureS] = [raw.subarray(0, 32), raw.subarray(32)];
  const signature = encode(TPMT_SIGNATURE, { sigAlg: 'ecdsa', hash: 'sha256', signatureR, signatureS });
  return { vmId, label, pcrs, policy, signature };
}

function valueOf(pcrs: ReadonlyMap<number, Uint8Array>, index: number): Uint8Array {
  const value = pcrs.get(index);
  if (value?.length !== 32) throw new RangeError(`PCR ${index} has no SHA-256 value`);
  return value;
}

function policyOver(crypto: Crypto, pcrs: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const values = BOOT_PCRS.indices.map((index) => valueOf(pcrs, index));
  return PolicyDigest.start(crypto, 'sha256').pcr([BOOT_PCRS], pcrDigestOf(crypto, 'sha256', values)).digest;
}

/** `boot-policy-signature`: not by this guardian, or for another VM. */
export function verifyBootPolicy(
  crypto: Crypto,
  owner: Guardian,
  vmId: VmId,
  bootPolicy: BootPolicy,
): Result<BootPolicy, Fault<'boot-policy-signature'>> {
  const { policy, signature } = bootPolicy;
  const raw = rawSignature(signature);
  const message = approvalOf(policy, policyRefOf(crypto, vmId));
  if (bootPolicy.vmId !== vmId || !raw || !crypto.verify(owner.signingKey, 'ecdsa-sha256', message, raw))
    return fail('boot-policy-signature', 'the owner did not sign this for this VM');
  return ok(bootPolicy);
}

/** As we write it: both numbers of full width. */
function rawSignature(bytes: Uint8Array): Uint8Array | undefined {
  const decoded = decode(TPMT_SIGNATURE, bytes);
  if (!decoded.ok || decoded.value.sigAlg !== 'ecdsa' || decoded.value.hash !== 'sha256') return undefined;
  const { signatureR, signatureS } = decoded.value;
  return signatureR.length === 32 && signatureS.length === 32 ? concat(signatureR, signatureS) : undefined;
}

export function bootPolicyToken({ vmId, label, pcrs, policy, signature }: BootPolicy): BootPolicyToken {
  return {
    type: 'sekimori-boot-policy',
    keyslots: [],
    version: '1',
    vm: vmId,
    label,
    pcrs: Object.fromEntries([...pcrs].map(([index, value]) => [index, toHex(value)])),
    policy: toHex(policy),
    signature: toBase64(signature),
  };
}

/** `boot-policy-malformed` also where the policy is not that of the PCRs beside it. */
export function bootPolicyOf(
  crypto: Crypto,
  token: BootPolicyToken,
): Result<BootPolicy, Fault<'boot-policy-malformed'>> {
  const vmId = parseVmId(token.vm);
  const policy = fromHex(token.policy);
  const signature = fromBase64(token.signature);
  const pcrs = new Map(
    BOOT_PCRS.indices.map((index) => [index, fromHex(token.pcrs[index] ?? '') ?? new Uint8Array(0)]),
  );
  if (!vmId || !policy || !signature || !rawSignature(signature)) return malformed('a field is not what it should be');
  if ([...pcrs.values()].some((value) => value.length !== 32)) return malformed('a PCR has no value');
  if (!equal(policyOver(crypto, pcrs), policy)) return malformed('the policy is not over these PCRs');
  return ok({ vmId, label: token.label, pcrs, policy, signature });
}

const MAX_FILE = 4096;

/** A file of its own, to be sent to whoever keeps the disk: JSON, the same as in the disk's header. */
export function writeBootPolicy(bootPolicy: BootPolicy): Uint8Array {
  return utf8(`${JSON.stringify(bootPolicyToken(bootPolicy), undefined, 2)}\n`);
}

export function readBootPolicy(bytes: Uint8Array): Result<BootPolicy, Fault<'boot-policy-malformed'>> {
  if (bytes.length > MAX_FILE) return malformed(`${bytes.length} bytes`);
  const json = readJson(bytes);
  if (!json.ok) return malformed('no JSON', json.fault);
  return Value.Check(BootPolicyToken, json.value) ? bootPolicyOf(nodeCrypto, json.value) : malformed('another shape');
}

function malformed(detail: string, cause?: Fault) {
  return fail('boot-policy-malformed', detail, cause && { cause });
}
