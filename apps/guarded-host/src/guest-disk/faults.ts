import { type Failed, type Fault, fail } from '@sekimori/result';

/**
 * `guest-disk-source`: no raw image of whole sectors. `guest-disk-exists`: the target is there already.
 * `guest-disk-malformed`: not a disk that we made. `guest-disk-key`: the recovery key does not open it.
 * `guest-disk-pinned`: the TPM is bound to another disk of this number. `guest-disk-failed`: cryptsetup itself.
 */
export type GuestDiskFault = Fault<
  | 'guest-disk-source'
  | 'guest-disk-exists'
  | 'guest-disk-malformed'
  | 'guest-disk-key'
  | 'guest-disk-pinned'
  | 'guest-disk-failed'
>;

export function diskFault(code: GuestDiskFault['code'], detail: string, cause?: Fault): Failed<GuestDiskFault> {
  return fail(code, detail, cause && { cause });
}
