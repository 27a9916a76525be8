import { equal, utf8 } from '@sekimori/bytes';
import { type Crypto, signCompactJws, verifyCompactJws } from '@sekimori/crypto-core';
import type { Guardian, GuardianKeys } from '@sekimori/key-protector';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { parseVmId, type VmId } from './vm-id.ts';

const TYPE = 'sekimori-security-policy+jws';
const MAX_LENGTH = 64 * 1024;
const MAX_DISKS = 32;
const DISK_NAME = /^[a-z0-9][a-z0-9-]{0,30}$/;

/** Who may look at a running VM. MSFT: `Set-VMSecurityPolicy`. */
export type SecurityPolicyLevel = 'shielded' | 'encryption-supported';

/**
 * How a disk is protected. `guest`: encrypted inside the guest, key in its vTPM. `outer`: by the host around any guest. `boot`:
 * in clear, and what lies on it is measured before it runs; read-only.
 */
export type DiskMode = 'guest' | 'outer' | 'boot';

/** What the owner asks of whoever runs the VM; what the fabric may choose is not in it. */
export interface SecurityPolicy {
  readonly vmId: VmId;
  readonly level: SecurityPolicyLevel;
  readonly secureBoot: boolean;
  /** The disks that the VM may have, and how each is protected. */
  readonly disks: ReadonlyMap<string, DiskMode>;
}

export type SecurityPolicyFault = Fault<'security-policy-malformed' | 'security-policy-owner'>;

/** JWS compact serialization (RFC 7515), ES256 by the owner's signing key; `kid` is the owner's fingerprint. */
export async function signSecurityPolicy(owner: GuardianKeys, policy: SecurityPolicy): Promise<string> {
  const payload = {
    vmId: policy.vmId,
    level: policy.level,
    secureBoot: policy.secureBoot,
    disks: Object.fromEntries(policy.disks),
  };
  if (!readPolicy(payload)) throw new RangeError('not a security policy');
  const head = { typ: TYPE, kid: owner.guardian.fingerprint };
  return signCompactJws(head, payload, (data) => owner.signing.sign(data));
}

/**
 * A policy that this owner signed. `security-policy-malformed`: none at all, or with anything that is not known here.
 * `security-policy-owner`: by somebody else. Whether the owner is the VM's shows only when the guest state opens.
 */
export function verifySecurityPolicy(
  crypto: Crypto,
  owner: Guardian,
  jws: string,
): Result<SecurityPolicy, SecurityPolicyFault> {
  const read = verifyCompactJws(crypto, jws, {
    typ: TYPE,
    maxLength: MAX_LENGTH,
    keyOf: (kid) => (kid === owner.fingerprint ? owner.signingKey : undefined),
  });
  if (!read.ok) {
    const isMalformed = read.fault.code === 'jws-malformed';
    return fail(isMalformed ? 'security-policy-malformed' : 'security-policy-owner', read.fault.detail);
  }
  const policy = readPolicy(read.value);
  return policy ? ok(policy) : fail('security-policy-malformed', 'the payload is not a security policy');
}

/** SHA-256 of the JWS, as the guest state holds it. */
export function securityPolicyHash(crypto: Crypto, jws: string): Uint8Array {
  return crypto.hash('sha256', utf8(jws));
}

/** Whether this is the policy that the guest state names. */
export function isPolicyOf(crypto: Crypto, state: { readonly securityPolicy: Uint8Array }, jws: string): boolean {
  return equal(state.securityPolicy, securityPolicyHash(crypto, jws));
}

function readPolicy(value: Readonly<Record<string, unknown>>): SecurityPolicy | undefined {
  const { vmId: id, level, secureBoot, disks, ...others } = value;
  const vmId = typeof id === 'string' ? parseVmId(id) : undefined;
  const modes = readDisks(disks);
  if (!vmId || !modes || Object.keys(others).length > 0 || typeof secureBoot !== 'boolean') return undefined;
  if (level !== 'shielded' && level !== 'encryption-supported') return undefined;
  if (level === 'shielded' && !secureBoot) return undefined;
  return { vmId, level, secureBoot, disks: modes };
}

function readDisks(value: unknown): ReadonlyMap<string, DiskMode> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value as Readonly<Record<string, unknown>>);
  if (entries.length === 0 || entries.length > MAX_DISKS) return undefined;
  const disks = new Map<string, DiskMode>();
  for (const [name, mode] of entries) {
    if (!DISK_NAME.test(name) || (mode !== 'guest' && mode !== 'outer' && mode !== 'boot')) return undefined;
    disks.set(name, mode);
  }
  return disks;
}
