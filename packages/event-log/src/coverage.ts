import { concat, equal, utf8 } from '@sekimori/bytes';
import type { Crypto, HashName } from '@sekimori/crypto-core';
import { type Content, grubPrefixOf } from './content.ts';
import { EV } from './event-types.ts';
import type { LogEvent } from './log.ts';

/**
 * What the digest says about the data: `hashed`, all of it is what was measured; `partly`, its payload is, while a name, a
 * prefix or a last byte is not; `unverified`, the digest is of something else and the data only a label.
 */
export type Coverage = 'hashed' | 'partly' | 'unverified';

/**
 * Hashes the data again by the rule of its type. PFP 1.06, 10.4.1; GRUB, shim and systemd by what they measure. An event
 * without a digest in the bank, and EV_NO_ACTION, which is never extended, are `unverified`.
 */
export function coverageOf(
  crypto: Pick<Crypto, 'hash'>,
  event: Pick<LogEvent, 'type' | 'data' | 'digests'>,
  bank: HashName,
  content: Content,
): Coverage {
  const digest = event.digests.get(bank);
  if (digest === undefined || event.type === EV.EV_NO_ACTION) return 'unverified';
  const covers = (data: Uint8Array) => equal(crypto.hash(bank, data), digest);
  const { data } = event;
  // EDK II measures the value alone, so the name is only a label; some older firmware measures the whole structure.
  if (event.type === EV.EV_EFI_VARIABLE_BOOT && content.is === 'variable' && covers(content.value)) return 'partly';
  if (covers(data)) return 'hashed';
  switch (event.type) {
    case EV.EV_EFI_VARIABLE_AUTHORITY: // old shim logs one byte more than it hashes
    case EV.EV_ACTION: // a few firmwares log the NUL
    case EV.EV_EFI_ACTION:
      return data.length > 1 && covers(data.subarray(0, -1)) ? 'partly' : 'unverified';
    case EV.EV_IPL:
      return iplCoverage(data, content, covers);
    default:
      return 'unverified';
  }
}

function iplCoverage(data: Uint8Array, content: Content, covers: (data: Uint8Array) => boolean): Coverage {
  const prefix = grubPrefixOf(data);
  if (prefix) {
    const bare = data.subarray(prefix.bytes.length);
    const withoutNul = bare.at(-1) === 0 ? bare.subarray(0, -1) : bare;
    return covers(withoutNul) || covers(bare) ? 'partly' : 'unverified';
  }
  if (content.is !== 'label' || !content.utf16) return 'unverified';
  // systemd-stub: the digest is of the section's name in ASCII with NUL, the data is the same name in UTF-16.
  if (covers(concat(utf8(content.text), Uint8Array.of(0)))) return 'hashed';
  // Command lines of systemd-boot and systemd-stub: UTF-16, with or without the final NUL, whichever was logged.
  const wide = data.subarray(0, 2 * content.text.length);
  return covers(wide) || covers(concat(wide, new Uint8Array(2))) ? 'hashed' : 'unverified';
}
