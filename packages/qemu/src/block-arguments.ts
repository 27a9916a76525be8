import type { CacheMode, Drive, Machine } from './machine.ts';
import { blockdev, device, object } from './options.ts';

/** Where QEMU finds what the machine names. */
export interface BlockPlumbing {
  /** By the id of the machine: the number that QEMU has a descriptor under, and whether it is a block device. */
  readonly descriptors: ReadonlyMap<string, { readonly fd: number; readonly blockDevice: boolean }>;
  /** By the id of the machine: a file, best a FIFO, that QEMU reads the secret from when it starts. */
  readonly secretFiles: ReadonlyMap<string, string>;
}

/** The ids of the descriptors that a machine needs, each once. */
export function descriptorIds({ firmware, drives }: Machine): readonly string[] {
  return [...new Set([firmware.code, firmware.variables, ...drives.map(({ descriptor }) => descriptor)])];
}

/** The ids of the secrets that a machine needs, each once. */
export function secretIds({ drives }: Machine): readonly string[] {
  return [...new Set(drives.flatMap(({ luks }) => (luks ? [luks.secret] : [])))];
}

/** QEMU's name of the object that holds a secret. */
export const secretObject = (id: string): string => `secret-${id}`;

export function blockArguments(machine: Machine, plumbing: BlockPlumbing): string[] {
  const sets = new DescriptorSets(descriptorIds(machine), plumbing);
  const secrets = secretIds(machine).flatMap((id) => {
    const file = plumbing.secretFiles.get(id);
    if (file === undefined) throw new Error(`the machine names a secret that was not given: ${id}`);
    return object({ 'qom-type': 'secret', id: secretObject(id), file });
  });
  const { code, variables } = machine.firmware;
  return [
    ...sets.arguments(),
    ...secrets,
    ...blockdev({ driver: 'raw', 'node-name': 'code', 'read-only': true, file: sets.fileNode(code, true) }),
    ...blockdev({ driver: 'raw', 'node-name': 'variables', file: sets.fileNode(variables, false) }),
    ...machine.drives.flatMap((drive) => driveArguments(drive, sets)),
  ];
}

/** QEMU takes each descriptor into a numbered set; block nodes open '/dev/fdset/N'. */
class DescriptorSets {
  readonly #ids: readonly string[];
  readonly #plumbing: BlockPlumbing;

  constructor(ids: readonly string[], plumbing: BlockPlumbing) {
    this.#ids = ids;
    this.#plumbing = plumbing;
  }

  /** The id stands beside the number, for query-fdsets. */
  arguments(): string[] {
    return this.#ids.flatMap((id, set) => ['-add-fd', `fd=${this.#given(id).fd},set=${set},opaque=${id}`]);
  }

  /** The lowest block node. A disk that is written to is locked, or QEMU does not start. */
  fileNode(id: string, readOnly: boolean, cache: CacheMode = 'writeback') {
    return {
      driver: this.#given(id).blockDevice ? 'host_device' : 'file',
      filename: `/dev/fdset/${this.#ids.indexOf(id)}`,
      locking: readOnly ? 'auto' : 'on',
      'read-only': readOnly,
      cache: cacheOf(cache),
    };
  }

  #given(id: string) {
    const given = this.#plumbing.descriptors.get(id);
    if (!given) throw new Error(`the machine names a descriptor that was not given: ${id}`);
    return given;
  }
}

function driveArguments(drive: Drive, sets: DescriptorSets): string[] {
  const { id, luks, readOnly = false, bootIndex, cache = 'writeback' } = drive;
  const node = `drive-${id}`;
  return [
    ...blockdev({
      driver: luks ? 'luks' : 'raw',
      'node-name': node,
      ...(luks && { 'key-secret': secretObject(luks.secret) }),
      'read-only': readOnly,
      cache: cacheOf(cache),
      file: sets.fileNode(drive.descriptor, readOnly, cache),
    }),
    ...device({
      driver: 'virtio-blk-pci',
      id: `disk-${id}`,
      drive: node,
      serial: drive.serial ?? defaultSerial(id),
      'write-cache': cache === 'writethrough' || cache === 'directsync' ? 'off' : 'on',
      ...(bootIndex !== undefined && { bootindex: bootIndex }),
    }),
  ];
}

const cacheOf = (mode: CacheMode) => ({ direct: mode === 'none' || mode === 'directsync', 'no-flush': false });

/** VIRTIO_BLK_ID_BYTES is 20. */
export const defaultSerial = (driveId: string): string => driveId.slice(0, 20);
