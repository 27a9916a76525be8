/**
 * A machine as QEMU shall run it. Files are named by the id of a descriptor that the caller opened, secrets by an id of their own: no
 * path of a disk and no key is in it, so all of it may be logged.
 */
export type Machine = ShieldedMachine | EncryptionSupportedMachine;

interface MachineParts {
  /** [A-Za-z0-9][A-Za-z0-9._-]{0,62} */
  readonly name: string;
  readonly uuid: string;
  /** 'q35' where nothing is said: QEMU's newest. 'pc-q35-7.2' keeps what the firmware measures when QEMU is updated. */
  readonly type?: string;
  readonly accelerator: 'kvm' | 'tcg';
  /** QEMU's name of a model: 'host', 'max', 'EPYC-Milan'. */
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  /** All memory of QEMU stays in RAM, the guest's included: no key gets into the swap space. Needs root. */
  readonly lockMemory?: boolean;
  readonly firmware: Firmware;
  /** A TPM 2.0 (CRB) that swtpm is. */
  readonly tpm?: { readonly controlSocket: string };
  readonly drives: readonly Drive[];
  readonly networks: readonly Network[];
  readonly ports: readonly Port[];
}

/** Nobody but the guest sees or types anything in it. */
export interface ShieldedMachine extends MachineParts {
  readonly protection: 'shielded';
}

/** The operator of the host may look at it and help: its disks are secret, what runs in it is not. */
export interface EncryptionSupportedMachine extends MachineParts {
  readonly protection: 'encryption-supported';
  readonly serial?: { readonly socket: string } | { readonly file: string };
  /** A graphics card, and VNC without a password on a UNIX socket. */
  readonly screen?: { readonly socket: string };
  readonly guestAgent?: { readonly socket: string };
}

/** UEFI. Descriptors: `code` open for reading, `variables` for reading and writing. */
export interface Firmware {
  readonly code: string;
  readonly variables: string;
  /** Variables that the firmware alone can write, by System Management Mode. The code must be built for that. */
  readonly secureBoot: boolean;
}

/** A virtio disk over a raw image or a block device. The format is never guessed from the content. */
export interface Drive {
  /** [a-z0-9][a-z0-9-]{0,30} */
  readonly id: string;
  /** Open for reading and writing, or for reading alone where `readOnly`. */
  readonly descriptor: string;
  /** What the guest sees, at most 20 characters; the id where nothing is said. */
  readonly serial?: string;
  /** LUKS1 around the content; the key is the secret of that id. */
  readonly luks?: { readonly secret: string };
  readonly readOnly?: boolean;
  /** The firmware tries the lowest first, and none without an index. */
  readonly bootIndex?: number;
  /** 'none' is O_DIRECT. 'writeback' where nothing is said: written data is safe when the guest flushed it. */
  readonly cache?: CacheMode;
}
export type CacheMode = 'writeback' | 'none' | 'writethrough' | 'directsync';

export type Network =
  | { readonly kind: 'user'; readonly mac?: string }
  | { readonly kind: 'tap'; readonly interface: string; readonly mac?: string };

/** A virtio serial port. QEMU listens on the socket (0600). Names of the guest agent and its like are refused. */
export interface Port {
  readonly name: string;
  readonly socket: string;
}
