import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { defaultSerial } from './block-arguments.ts';
import type { Machine } from './machine.ts';

/** Of sockaddr_un, its NUL included. */
export const MAX_SOCKET_PATH = 108;
const MAX_PATH = 4096;
const MAX_DRIVES = 16;
const MAX_NETWORKS = 8;
const MAX_PORTS = 16;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const TYPE = /^(q35|pc-q35-\d{1,2}\.\d{1,2})$/;
const CPU = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const ID = /^[a-z0-9][a-z0-9-]{0,30}$/;
const SERIAL = /^[A-Za-z0-9][A-Za-z0-9._-]{0,19}$/;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;
const INTERFACE = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/;
const PORT = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
/** Agents that take orders from the host: QEMU's and SPICE's. */
const AGENT_PORT = /^(org\.qemu\.|com\.redhat\.)/i;
const CONTROL = /\p{Cc}/u;

const PARTS = [
  'name',
  'uuid',
  'type',
  'accelerator',
  'cpu',
  'cpus',
  'memoryMiB',
  'lockMemory',
  'firmware',
  'tpm',
].concat(['drives', 'networks', 'ports', 'protection']);
const OPERATOR_PARTS = ['serial', 'screen', 'guestAgent'];

export type MachineFault = Fault<'bad-machine'>;

/** `bad-machine`, with the place in `at`, for what cannot be or must not be, whatever the types said. */
export function checkMachine(machine: Machine): Result<void, MachineFault> {
  for (const [at, detail] of problems(machine)) return fail('bad-machine', detail, { at });
  return ok(undefined);
}

type Problem = readonly [at: string, detail: string];

function* problems(machine: Machine): Iterable<Problem> {
  yield* known(machine);
  yield* matches('name', machine.name, NAME);
  yield* matches('uuid', machine.uuid, UUID);
  if (machine.type !== undefined) yield* matches('type', machine.type, TYPE);
  yield* oneOf('accelerator', machine.accelerator, ['kvm', 'tcg']);
  yield* matches('cpu', machine.cpu, CPU);
  yield* within('cpus', machine.cpus, 1, 288);
  yield* within('memoryMiB', machine.memoryMiB, 16, 16 * 1024 * 1024);
  yield* matches('firmware.code', machine.firmware.code, ID);
  yield* matches('firmware.variables', machine.firmware.variables, ID);
  if (machine.tpm) yield* socket('tpm.controlSocket', machine.tpm.controlSocket);
  yield* drives(machine);
  yield* networks(machine);
  yield* ports(machine);
  yield* forOperators(machine);
}

/** A shielded machine has no part that is not listed: one that comes out of a file is refused, not passed over. */
function* known(machine: Machine): Iterable<Problem> {
  yield* oneOf('protection', machine.protection, ['shielded', 'encryption-supported']);
  const allowed = machine.protection === 'shielded' ? PARTS : [...PARTS, ...OPERATOR_PARTS];
  for (const part of Object.keys(machine))
    if (!allowed.includes(part)) yield [part, `a machine that is ${machine.protection} has no such part`];
}

function* drives({ drives: all }: Machine): Iterable<Problem> {
  if (all.length > MAX_DRIVES) yield ['drives', `more than ${MAX_DRIVES}`];
  for (const [index, drive] of all.entries()) {
    const at = (part: string) => `drives.${index}.${part}`;
    yield* matches(at('id'), drive.id, ID);
    yield* matches(at('descriptor'), drive.descriptor, ID);
    yield* matches(at('serial'), drive.serial ?? defaultSerial(drive.id), SERIAL);
    if (drive.luks) yield* matches(at('luks.secret'), drive.luks.secret, ID);
    if (drive.bootIndex !== undefined) yield* within(at('bootIndex'), drive.bootIndex, 0, 99);
    yield* oneOf(at('cache'), drive.cache ?? 'writeback', ['writeback', 'none', 'writethrough', 'directsync']);
    const sameBefore = all.slice(0, index).find(({ id, descriptor, bootIndex }) => {
      const sameIndex = bootIndex !== undefined && bootIndex === drive.bootIndex;
      return id === drive.id || descriptor === drive.descriptor || sameIndex;
    });
    if (sameBefore) yield [`drives.${index}`, `id, descriptor or boot index of the drive ${sameBefore.id} again`];
  }
}

function* networks({ networks: all }: Machine): Iterable<Problem> {
  if (all.length > MAX_NETWORKS) yield ['networks', `more than ${MAX_NETWORKS}`];
  for (const [index, network] of all.entries()) {
    yield* oneOf(`networks.${index}.kind`, network.kind, ['user', 'tap']);
    if (network.kind === 'tap') yield* matches(`networks.${index}.interface`, network.interface, INTERFACE);
    if (network.mac !== undefined) yield* matches(`networks.${index}.mac`, network.mac, MAC);
  }
}

function* ports({ ports: all }: Machine): Iterable<Problem> {
  if (all.length > MAX_PORTS) yield ['ports', `more than ${MAX_PORTS}`];
  for (const [index, port] of all.entries()) {
    const at = `ports.${index}`;
    yield* matches(`${at}.name`, port.name, PORT);
    if (AGENT_PORT.test(port.name)) yield [`${at}.name`, 'a port of an agent in the guest'];
    if (all.slice(0, index).some(({ name }) => name === port.name)) yield [`${at}.name`, 'there is another such port'];
    yield* socket(`${at}.socket`, port.socket);
  }
}

function* forOperators(machine: Machine): Iterable<Problem> {
  if (machine.protection === 'shielded') return;
  const { serial, screen, guestAgent } = machine;
  if (serial && 'socket' in serial) yield* socket('serial.socket', serial.socket);
  else if (serial) yield* path('serial.file', serial.file);
  if (screen) yield* socket('screen.socket', screen.socket);
  if (guestAgent) yield* socket('guestAgent.socket', guestAgent.socket);
}

function* matches(at: string, value: unknown, pattern: RegExp): Iterable<Problem> {
  if (typeof value !== 'string' || !pattern.test(value)) yield [at, `not ${pattern.source}`];
}

function* oneOf(at: string, value: unknown, allowed: readonly string[]): Iterable<Problem> {
  if (!allowed.some((each) => each === value)) yield [at, `not one of ${allowed.join(', ')}`];
}

function* within(at: string, value: unknown, least: number, most: number): Iterable<Problem> {
  if (!Number.isSafeInteger(value) || Number(value) < least || Number(value) > most)
    yield [at, `not a whole number from ${least} to ${most}`];
}

function* socket(at: string, value: unknown): Iterable<Problem> {
  yield* path(at, value);
  if (Buffer.byteLength(String(value)) >= MAX_SOCKET_PATH) yield [at, 'too long for a UNIX socket'];
}

function* path(at: string, value: unknown): Iterable<Problem> {
  if (typeof value !== 'string' || !value.startsWith('/') || CONTROL.test(value) || value.length > MAX_PATH)
    yield [at, 'not an absolute path without control characters'];
}
