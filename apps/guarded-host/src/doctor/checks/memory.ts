import { type Check, type DoctorDeps, good, skipped, warning } from '../check.ts';

/** Secrets of running VMs are in memory; swap space that is not encrypted would keep them. */
export const swapCheck: Check = {
  id: 'swap',
  async run(deps) {
    const read = await deps.machine.readText('/proc/swaps');
    if ('code' in read) return skipped('the kernel does not tell');
    const spaces = read.text
      .split('\n')
      .slice(1)
      .flatMap((line) => line.split(/\s+/)[0] || []);
    const bare: string[] = [];
    for (const space of spaces) if (!(await isSafe(deps, space))) bare.push(space);
    if (bare.length === 0) return good(spaces.length === 0 ? 'no swap space' : 'in memory, or encrypted');
    if (await swapIsForbidden(deps)) return good(`${bare.join(', ')}, which the agent and its VMs may not use`);
    return warning(
      `${bare.join(', ')} is not encrypted: keys of VMs could be written there`,
      'encrypt it with a key that is new at each boot, or set MemorySwapMax=0 in the unit of the agent',
    );
  },
};

/** zram is memory; a device-mapper device says by its uuid that it encrypts. */
async function isSafe({ machine }: DoctorDeps, space: string): Promise<boolean> {
  if (/^\/dev\/zram\d+$/.test(space)) return true;
  const uuid = await machine.readText(`/sys/class/block/${space.replace(/^.*\//, '')}/dm/uuid`);
  return 'text' in uuid && uuid.text.startsWith('CRYPT-');
}

/** The agent's unit, or what this program itself runs under. */
async function swapIsForbidden({ machine }: DoctorDeps): Promise<boolean> {
  const read = await machine.readText('/proc/self/cgroup');
  const own = 'text' in read ? /^0::(\/.*)$/m.exec(read.text)?.[1] : undefined;
  for (const group of ['/system.slice/sekimori-host.service', ...(own === undefined ? [] : [own])]) {
    const limit = await machine.readText(`/sys/fs/cgroup${group}/memory.swap.max`);
    if ('text' in limit && limit.text.trim() === '0') return true;
  }
  return false;
}

export const coreDumpsCheck: Check = {
  id: 'core-dumps',
  async run({ machine }) {
    const [pattern, filter, dumpable] = [
      await machine.readText('/proc/sys/kernel/core_pattern'),
      await machine.readText('/proc/self/coredump_filter'),
      await machine.readText('/proc/sys/fs/suid_dumpable'),
    ];
    if ('code' in pattern) return skipped('the kernel does not tell');
    if ('text' in dumpable && dumpable.text.trim() === '1')
      return warning('fs.suid_dumpable is 1: every process leaves its memory behind', "'sysctl fs.suid_dumpable=0'");
    const place = pattern.text.trim();
    const isPipe = place.startsWith('|');
    // A limit of zero does not stop a program that core_pattern names; the filter does.
    if (isPipe && 'code' in filter)
      return warning(
        `dumps go to ${place}, and what is in them cannot be limited`,
        "'sysctl kernel.core_pattern=core'",
      );
    return good(
      isPipe ? `dumps go to ${place}; those of VMs and their TPMs are kept empty` : 'no dump of VMs and their TPMs',
    );
  },
};

const CAP_IPC_LOCK = 14n;

/** Locked memory is never swapped: a VM that asks for it needs as much as it has, and some more. */
export const memoryLockCheck: Check = {
  id: 'memory-lock',
  async run({ machine }) {
    const [status, limits] = [await machine.readText('/proc/self/status'), await machine.readText('/proc/self/limits')];
    const capabilities = 'text' in status ? /^CapEff:\s+([0-9a-f]+)$/m.exec(status.text)?.[1] : undefined;
    if (capabilities !== undefined && ((BigInt(`0x${capabilities}`) >> CAP_IPC_LOCK) & 1n) === 1n)
      return good('as much as is asked for');
    const limit = 'text' in limits ? /^Max locked memory\s+(\S+)/m.exec(limits.text)?.[1] : undefined;
    if (limit === undefined) return skipped('the kernel does not tell');
    if (limit === 'unlimited') return good('as much as is asked for');
    const mend = 'run as root, or set LimitMEMLOCK=infinity in the unit of the agent';
    return warning(`this user can lock ${Math.floor(Number(limit) / 1024)} KiB, and VMs need all of theirs`, mend);
  },
};
