import { concat, equal, isAllZero, toHex } from '@sekimori/bytes';
import { type Crypto, type HashName, hashLength } from '@sekimori/crypto-core';
import { ok, type Result } from '@sekimori/result';
import { faultAt, type LogFault, logFault, refuse } from './fault.ts';
import type { ImaEntry, ImaList } from './ima-list.ts';

/** The register that IMA extends. It grows as programs run. */
export const IMA_PCR = 10;

/** The part of a list that a quote of PCR 10 vouches for. What the files are worth is not said here. */
export interface ImaReplay {
  /** Of PCR 10, from the first one to the one whose replay is the quoted value. */
  readonly entries: readonly ImaEntry[];
  /** Entries that the list had beyond the quote, and such of other PCRs: nothing vouches for them. */
  readonly cut: number;
  /** Of `entries`. */
  readonly violations: number;
  /**
   * What the kernel extended the bank with: the bank's own digest of the template data (from 5.8 on), or the SHA-1 of the list with
   * zeros behind it, which is worth no more than SHA-1.
   */
  readonly extended: ImaExtension;
}

export type ImaExtension = 'own-digest' | 'padded-sha1';

type Hash = Pick<Crypto, 'hash'>;

/**
 * Cuts a list where its replay is the quoted value of PCR 10: IMA lists before it extends, so a list that was read after the quote is
 * ahead of it. The other way round is a mismatch. One way of extending must explain the whole list, never a mixture.
 *
 * Faults: `ima-pcr-not-extended` (the quoted value is that after a reset), `ima-pcr-mismatch` (no part of the list gives it),
 * `ima-digest-mismatch` (a listed SHA-1 is not that of its data). Throws for a SHA-1 bank, which proves nothing.
 */
export function replayIma(
  crypto: Hash,
  list: ImaList,
  bank: Exclude<HashName, 'sha1'>,
  quoted: Uint8Array,
): Result<ImaReplay, LogFault> {
  if ((bank as HashName) === 'sha1') throw new RangeError('a SHA-1 bank proves nothing');
  if (isAllZero(quoted))
    return refuse('ima-pcr-not-extended', `PCR ${IMA_PCR} was never extended: the kernel measures nothing`, {
      pcr: IMA_PCR,
      actual: toHex(quoted),
    });
  const chain = list.entries.filter(({ pcr }) => pcr === IMA_PCR);
  for (const extended of ['own-digest', 'padded-sha1'] as const) {
    const length = cutAt(crypto, bank, chain, quoted, extended);
    if (length === undefined) continue;
    const entries = chain.slice(0, length);
    const wrong = entries.find((entry) => !entry.violation && !isOwnHash(crypto, entry));
    if (wrong)
      return {
        ok: false,
        fault: faultAt(wrong, 'ima-digest-mismatch', 'the listed SHA-1 is not that of the data', {
          actual: toHex(wrong.templateHash),
        }),
      };
    const violations = entries.filter(({ violation }) => violation).length;
    return ok({ entries, cut: list.entries.length - length, violations, extended });
  }
  const expected = toHex(quoted);
  const detail = `PCR ${IMA_PCR} was quoted as ${expected}, and no part of the list's ${chain.length} entries for it gives that`;
  return { ok: false, fault: logFault('ima-pcr-mismatch', detail, { pcr: IMA_PCR, expected }) };
}

/** How many entries give the quoted value. */
function cutAt(
  crypto: Hash,
  bank: HashName,
  chain: readonly ImaEntry[],
  quoted: Uint8Array,
  extended: ImaExtension,
): number | undefined {
  let value: Uint8Array = new Uint8Array(hashLength(bank));
  for (const [i, entry] of chain.entries()) {
    const digest = extended === 'own-digest' ? ownDigest(crypto, bank, entry) : paddedSha1(bank, entry);
    value = crypto.hash(bank, concat(value, digest));
    if (equal(value, quoted)) return i + 1;
  }
  return undefined;
}

/** A violation is listed with zeros and extended with ones. Linux, ima_queue.c, ima_add_template_entry. */
function ownDigest(crypto: Hash, bank: HashName, entry: ImaEntry): Uint8Array {
  return entry.violation ? new Uint8Array(hashLength(bank)).fill(0xff) : crypto.hash(bank, hashedData(entry));
}

function paddedSha1(bank: HashName, { violation, templateHash }: ImaEntry): Uint8Array {
  const padded = new Uint8Array(hashLength(bank));
  padded.set(violation ? new Uint8Array(templateHash.length).fill(0xff) : templateHash);
  return padded;
}

function isOwnHash(crypto: Hash, entry: ImaEntry): boolean {
  return equal(crypto.hash('sha1', hashedData(entry)), entry.templateHash);
}

/** Template `ima` is hashed without the length of the name, and with the name in 256 bytes. Linux, ima_crypto.c. */
function hashedData({ template, data }: ImaEntry): Uint8Array {
  if (template !== 'ima') return data;
  const hashed = new Uint8Array(20 + 256);
  hashed.set(data.subarray(0, 20));
  hashed.set(data.subarray(24), 20);
  return hashed;
}
