import type { SecurityPolicy, VmId } from '@sekimori/guest-state';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import type { ReadDefinition } from './read.ts';
import type { VmDefinition } from './schema.ts';

/** One thing of a definition that the owner's security policy does not allow. */
interface Violation {
  readonly line: number;
  /** For example 'devices.serial'. */
  readonly path: string;
  readonly detail: string;
}

/** `vm-definition-refused`, with every violation in `violations`. */
export interface DefinitionRefused extends Fault<'vm-definition-refused'> {
  readonly violations: readonly Violation[];
}

/**
 * Whether a definition keeps to what the owner asks. It is asked before any secret exists, so its answer needs none; that the policy is
 * this VM's shows when the guest state opens.
 */
export function checkDefinition(read: ReadDefinition, policy: SecurityPolicy): Result<void, DefinitionRefused> {
  const { definition } = read;
  const found = [...identity(definition, policy), ...devices(definition), ...disks(definition, policy)];
  if (found.length === 0) return ok(undefined);
  const violations = found
    .map(({ path, detail }) => ({ line: read.lineOf(path), path: path.join('.'), detail }))
    .toSorted((a, b) => a.line - b.line);
  const lines = violations.map(({ line, path, detail }) => `line ${line}: ${path}: ${detail}`);
  const refused = fail('vm-definition-refused', lines.join('; '));
  return { ok: false, fault: { ...refused.fault, violations } };
}

/** The policy that a definition asks for: what its owner signs when it is shielded. */
export function policyOf({
  definition,
  vmId,
}: {
  readonly definition: VmDefinition;
  readonly vmId: VmId;
}): SecurityPolicy {
  const modes = new Map(definition.disks.map(({ name, mode }) => [name, mode] as const));
  return { vmId, level: definition.security, secureBoot: definition.firmware.secureBoot, disks: modes };
}

interface Found {
  readonly path: readonly (string | number)[];
  readonly detail: string;
}

function* identity(definition: VmDefinition, policy: SecurityPolicy): Iterable<Found> {
  if (definition.id !== policy.vmId) yield { path: ['id'], detail: `the security policy is for ${policy.vmId}` };
  if (definition.security !== policy.level)
    yield { path: ['security'], detail: `the owner's security policy is ${policy.level}` };
  if (definition.security === 'shielded' && !definition.firmware.secureBoot)
    yield { path: ['firmware', 'secureBoot'], detail: 'a shielded VM has Secure Boot' };
  else if (policy.secureBoot && !definition.firmware.secureBoot)
    yield { path: ['firmware', 'secureBoot'], detail: 'the owner asks for Secure Boot' };
}

/** What no shielded VM has. */
const LOOKING_IN = {
  serial: 'a serial port shows what the guest writes',
  console: 'a screen shows what the guest shows, and takes keys',
  guestAgent: 'the guest agent runs commands in the guest',
} as const;

/** What no VM of ours has, whoever its owner is. */
const NEVER = {
  monitor: "QEMU's monitor reads the memory of the guest; it is the agent's alone",
  debugStub: 'a debugger reads the memory of the guest',
  hostDevices: 'devices of the host can read the memory of the guest',
  sharedFolders: 'folders of the host lie outside the encrypted disks',
} as const;

function* devices({ security, devices: asked }: VmDefinition): Iterable<Found> {
  if (!asked) return;
  for (const [name, why] of Object.entries(LOOKING_IN) as [keyof typeof LOOKING_IN, string][])
    if (asked[name] && security === 'shielded')
      yield { path: ['devices', name], detail: `not for a shielded VM: ${why}` };
  for (const [name, why] of Object.entries(NEVER) as [keyof typeof NEVER, string][])
    if (asked[name] === true || (Array.isArray(asked[name]) && asked[name].length > 0))
      yield { path: ['devices', name], detail: `not for a VM with a security policy: ${why}` };
}

function* disks(definition: VmDefinition, policy: SecurityPolicy): Iterable<Found> {
  for (const [index, { name, mode }] of definition.disks.entries()) {
    const asked = policy.disks.get(name);
    if (asked === undefined)
      yield { path: ['disks', index, 'name'], detail: `the security policy has no disk ${name}` };
    else if (asked !== mode) yield { path: ['disks', index, 'mode'], detail: `the security policy says ${asked}` };
  }
  for (const name of policy.disks.keys())
    if (!definition.disks.some((disk) => disk.name === name))
      yield { path: ['disks'], detail: `the disk ${name} of the security policy is missing` };
}
