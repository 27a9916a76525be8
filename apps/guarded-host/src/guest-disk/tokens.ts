import { fail, ok, type Result } from '@sekimori/result';
import { readJson } from '@sekimori/service-kit/program';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { cryptsetup } from './cryptsetup.ts';
import { diskFault, type GuestDiskFault } from './faults.ts';
import { BOOT_PCRS } from './layout.ts';

// LUKS2 tokens: JSON in the disk's header. LUKS2 On-Disk Format, section 3.5. The guest reads them with sed, so every value that it
// needs is a string on one level.

const exactly = { additionalProperties: false } as const;
const Base64 = (maxLength: number) => Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$', maxLength });
const Hex32 = Type.String({ pattern: '^[0-9a-f]{64}$' });
const Uuid = Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' });

/** The key of keyslot 1, sealed in the VM's TPM under what the owner's guardian signs for. */
export const TpmToken = Type.Object(
  {
    type: Type.Literal('sekimori-tpm2'),
    keyslots: Type.Array(Type.String(), { maxItems: 32 }),
    version: Type.Literal('1'),
    vm: Uuid,
    /** The NV index of the pin, '0x' and hex. */
    pin: Type.String({ pattern: '^0x[0-9a-f]{1,8}$' }),
    /** TPM2B_PUBLIC and TPM2B_PRIVATE of the sealed key. */
    sealedPublic: Base64(2048),
    sealedPrivate: Base64(2048),
    /** TPM2B_PUBLIC of the guardian's signing key, and the policyRef that goes with its signatures. */
    signer: Base64(1024),
    policyRef: Base64(128),
  },
  exactly,
);
export type TpmToken = Static<typeof TpmToken>;

/** One boot that the owner approved. */
export const BootPolicyToken = Type.Object(
  {
    type: Type.Literal('sekimori-boot-policy'),
    keyslots: Type.Array(Type.String(), { maxItems: 0 }),
    version: Type.Literal('1'),
    vm: Uuid,
    label: Type.String({ pattern: '^[ -!#-\\[\\]-~]{0,64}$' }),
    pcrs: Type.Object(Object.fromEntries(BOOT_PCRS.indices.map((index) => [index, Hex32])), exactly),
    /** The policy digest, hex. */
    policy: Hex32,
    /** TPMT_SIGNATURE over it and the policyRef. */
    signature: Base64(256),
  },
  exactly,
);
export type BootPolicyToken = Static<typeof BootPolicyToken>;

/** Of a disk, by id. Tokens of other types are left out; one of ours that is malformed is a fault. */
export async function readTokens(
  file: string,
): Promise<Result<ReadonlyMap<number, TpmToken | BootPolicyToken>, GuestDiskFault>> {
  const dumped = await cryptsetup(['luksDump', '--dump-json-metadata', file]);
  if (!dumped.ok) return diskFault('guest-disk-malformed', `${file} has no LUKS2 header`, dumped.fault);
  const json = readJson(dumped.value);
  if (!json.ok) return diskFault('guest-disk-malformed', `${file}: the header's metadata`, json.fault);
  const tokens = new Map<number, TpmToken | BootPolicyToken>();
  const found = (json.value as { readonly tokens?: Readonly<Record<string, unknown>> }).tokens ?? {};
  for (const [id, token] of Object.entries(found)) {
    const { type } = token as { readonly type?: unknown };
    if (type !== 'sekimori-tpm2' && type !== 'sekimori-boot-policy') continue;
    if (Value.Check(TpmToken, token) || Value.Check(BootPolicyToken, token)) tokens.set(Number(id), token);
    else return fail('guest-disk-malformed', `${file}: token ${id} is no ${type}`);
  }
  return ok(tokens);
}

/** Replaces one that is there. */
export async function writeToken(
  file: string,
  id: number,
  token: TpmToken | BootPolicyToken,
): Promise<Result<void, GuestDiskFault>> {
  const removed = await removeToken(file, id);
  if (!removed.ok) return removed;
  const args = ['token', 'import', '--token-id', `${id}`, '--json-file', '-', file];
  const written = await cryptsetup(args, { input: JSON.stringify(token) });
  return written.ok ? ok(undefined) : written;
}

/** One that is not there is no fault. */
export async function removeToken(file: string, id: number): Promise<Result<void, GuestDiskFault>> {
  const present = await cryptsetup(['token', 'export', '--token-id', `${id}`, file]);
  if (!present.ok) return ok(undefined);
  const removed = await cryptsetup(['token', 'remove', '--token-id', `${id}`, file]);
  return removed.ok ? ok(undefined) : removed;
}
