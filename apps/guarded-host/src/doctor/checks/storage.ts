import { join } from 'node:path';
import { type Check, type DoctorDeps, failed, good, type Outcome, skipped, warning } from '../check.ts';
import { socketsIn } from '../../vm/machine.ts';
import type { FileSystem } from '../machine.ts';

const MIB = 1024 * 1024;
const [TOO_LITTLE, LITTLE] = [16 * MIB, 256 * MIB];

export const freeSpaceCheck: Check = {
  id: 'free-space',
  async run({ settings, machine }) {
    const places = [settings.stateFolder, ...settings.vms.folders];
    return Promise.all(places.map(async (place) => spaceOf(place, await machine.fileSystem(place))));
  },
};

function spaceOf(place: string, { free, total, freeInodes }: FileSystem): Outcome {
  const words = `${Math.floor(free / MIB)} MiB free of ${Math.floor(total / MIB)} MiB`;
  const mend = 'make room: a state that cannot be written is not renewed, and a VM cannot roll its keys';
  if (free < TOO_LITTLE || freeInodes < 16) return failed(words, mend, place);
  return free < LITTLE || freeInodes < 1000 ? warning(words, mend, place) : good(words, place);
}

/** Magic numbers of statfs(2). */
const [TMPFS, RAMFS] = [0x01021994, 0x858458f6];

/** connect(2) and unix(7): a socket's path, without the zero at its end. */
const MAX_SOCKET_PATH = 107;

/** Sockets and records of running VMs: in memory, or they outlast the start of the machine that they are of. */
export const runFolderCheck: Check = {
  id: 'run-folder',
  async run({ settings, machine }) {
    const { runFolder } = settings.vms;
    const { folder, magic } = await machine.fileSystem(runFolder);
    const length = Math.max(
      ...Object.values(socketsIn(join(runFolder, 'f'.repeat(16)))).map((path) => Buffer.byteLength(path)),
    );
    const place =
      magic === TMPFS || magic === RAMFS
        ? good(`${folder} is in memory`, runFolder)
        : warning(
            `${folder} is on a disk`,
            'set vms.runFolder to a folder on a tmpfs, for example below /dev/shm',
            runFolder,
          );
    if (length <= MAX_SOCKET_PATH) return place;
    const long = `a socket in it has a path of ${length} bytes, and may have ${MAX_SOCKET_PATH}: VMs do not start`;
    return [place, warning(long, `set vms.runFolder to one shorter by ${length - MAX_SOCKET_PATH} bytes`, runFolder)];
  },
};

type Storage = 'local' | 'shared' | 'locks-unknown' | 'no-locks' | 'no-rename' | 'in-memory';

/**
 * What file systems can do that VMs lie on: a lock that holds on all hosts that share it, and a rename that is whole and durable
 * once its folder was synchronized. By statfs(2).
 */
const FILE_SYSTEMS: Readonly<Record<number, readonly [name: string, Storage]>> = {
  0xef53: ['ext4', 'local'],
  0x58465342: ['XFS', 'local'],
  0x9123683e: ['btrfs', 'local'],
  0x2fc12fc1: ['ZFS', 'local'],
  0xf2f52010: ['F2FS', 'local'],
  0xca451a4e: ['bcachefs', 'local'],
  0x01161970: ['GFS2', 'shared'],
  0x7461636f: ['OCFS2', 'shared'],
  0x00c36400: ['CephFS', 'shared'],
  0x6969: ['NFS', 'shared'],
  0x47504653: ['GPFS', 'shared'],
  0x0bd00bd0: ['Lustre', 'locks-unknown'],
  0x65735546: ['FUSE', 'locks-unknown'],
  0x01021997: ['9p', 'locks-unknown'],
  0x794c7630: ['overlayfs', 'locks-unknown'],
  0xff534d42: ['CIFS', 'no-locks'],
  0xfe534d42: ['SMB', 'no-locks'],
  0x4d44: ['FAT', 'no-rename'],
  0x2011bab0: ['exFAT', 'no-rename'],
  [TMPFS]: ['tmpfs', 'in-memory'],
  [RAMFS]: ['ramfs', 'in-memory'],
};

export const vmStorageCheck: Check = {
  id: 'vm-storage',
  async run(deps) {
    return Promise.all(deps.settings.vms.folders.map((folder) => storageOf(deps, folder)));
  },
};

async function storageOf({ machine }: DoctorDeps, folder: string): Promise<Outcome> {
  const { folder: there, magic, options } = await machine.fileSystem(folder);
  const [name, storage] = FILE_SYSTEMS[magic] ?? [`file system 0x${magic.toString(16)}`, 'locks-unknown'];
  const unsafe = options.find((option) => UNSAFE_OPTIONS.test(option));
  const two = 'two hosts could run one VM at a time';
  if (storage === 'in-memory') return failed(`${name}: its content is lost with the power`, 'set vms.folders', folder);
  if (storage === 'no-rename') return failed(`${name} has no rename that is whole`, 'take ext4 or XFS', folder);
  if (storage === 'no-locks') return failed(`${name} has no locks of flock(2): ${two}`, 'take NFS 4 or CephFS', folder);
  if (unsafe !== undefined && /lock/.test(unsafe))
    return failed(`mounted with ${unsafe}: ${two}`, 'mount it without that option', folder);
  if (unsafe !== undefined)
    return warning(
      `mounted with ${unsafe}: what was written may be lost with the power`,
      'mount it without it',
      folder,
    );
  if (storage === 'locks-unknown')
    return warning(
      `${name}: whether its locks hold on other hosts is not known`,
      `see its documentation; else ${two}`,
      folder,
    );
  if (there !== folder) return good(`${name}; the folder is made with the first VM`, folder);
  // Shared, and on the folder itself: nothing is made there, and no VM is kept waiting.
  const lock = await machine.run('flock', ['-n', '-s', there, 'true']);
  if (lock.missing) return skipped(`${name}; not tried without flock`, folder);
  if (lock.status === 0) return good(`${name}, ${storage}; flock works`, folder);
  return failed(`${name}: flock fails there: ${lock.stderr}`, 'see mount options and the lock service', folder);
}

/** NFS without locks, or with those of one host; and writing without barriers. nfs(5), ext4(5). */
const UNSAFE_OPTIONS = /^(nolock|local_lock=(all|flock)|localflock|nobarrier|barrier=0)$/;
