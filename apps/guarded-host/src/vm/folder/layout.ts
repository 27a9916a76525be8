import { isAbsolute, join, resolve, sep } from 'node:path';

/** Folders in a VM's folder. */
export const CLAIMS = 'claims';
export const GENERATIONS = 'generations';

/** Where everything of a VM lies in its folder, on the VM's storage. docs/virtual-machines.md. */
export const vmPaths = (folder: string) => ({
  /** What the fabric says: machine, disks, network. */
  definition: join(folder, 'vm.yaml'),
  /** What the owner says, signed. */
  securityPolicy: join(folder, 'security-policy.jws'),
  /** Recovery keys, for the owner alone. */
  recovery: join(folder, 'recovery.bin'),
  /** The vTPM's endorsement certificates and the CA over them, PEM; public. */
  vtpmCertificates: join(folder, 'vtpm-certificates.pem'),
  /** Empty; whoever runs the VM holds it. */
  lock: join(folder, 'lock'),
  claims: join(folder, CLAIMS),
  generations: join(folder, GENERATIONS),
  /** There while the owner shields it. */
  shielding: join(folder, '.shielding'),
  /** There while it gets new keys. */
  rekeying: join(folder, '.rekeying'),
});

/** Generations and claims are numbered from 1; ten digits sort as they count, and are more than there will be starts. */
const DIGITS = 10;
export const HIGHEST = 10n ** BigInt(DIGITS) - 1n;

export function numbered(number: bigint): string {
  return number.toString().padStart(DIGITS, '0');
}

/** Of exactly ten digits, so that no two names are one number. */
export function numberIn(name: string): bigint | undefined {
  return /^\d{10}$/.test(name) && name !== '0'.repeat(DIGITS) ? BigInt(name) : undefined;
}

export const generationPaths = (folder: string, generation: bigint) => {
  const own = join(vmPaths(folder).generations, numbered(generation));
  return {
    folder: own,
    protector: join(own, 'protector.xml'),
    guestState: join(own, 'guest-state.bin'),
    /** The vTPM's encrypted state: swtpm's folder. */
    vtpm: join(own, 'vtpm'),
  };
};

/**
 * Where a disk of the definition lies: inside the VM's folder, or a device. Undefined for any other place: a definition lies on storage that
 * the host does not trust, and must not have it hand over files of its own.
 */
export function diskPath(folder: string, file: string): string | undefined {
  if (isAbsolute(file)) return resolve(file).startsWith(`${sep}dev${sep}`) ? resolve(file) : undefined;
  const path = resolve(folder, file);
  return path.startsWith(`${resolve(folder)}${sep}`) ? path : undefined;
}
