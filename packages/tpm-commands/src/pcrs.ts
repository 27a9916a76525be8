import { toHex } from '@sekimori/bytes';
import type { HashName } from '@sekimori/crypto-core';
import { HASHES } from '@sekimori/crypto-core';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { readPcrs, type Tpm, TPM_ALG, type TpmResult } from '@sekimori/tpm2';
import { type CommandFault, type Given, type Shown, wrongUsage } from './command.ts';
import { pcrBanksOf } from './info/capabilities.ts';
import { withTpm } from './with-tpm.ts';

/** Values by bank and PCR. The document of `tpm pcrs --json` has them in hex: `{ banks: { sha256: { "0": "…" } } }`. */
export type PcrValues = ReadonlyMap<HashName, ReadonlyMap<number, Uint8Array>>;

export interface PcrRequest {
  /** Else every bank that is switched on and whose hash is known. */
  readonly bank?: string;
  /** Else every PCR of the bank. */
  readonly indices?: readonly number[];
}

const CONSISTENT_READS = 5;

/**
 * PCRs of several banks, of one moment as far as the TPM tells: where its update counter grows meanwhile, reading starts anew, five times
 * at most (`pcr-unstable`). PCRs that may be reset at run time, 16 and 23, do not move the counter. `pcr-unavailable`: the bank is not there or is
 * switched off, or a PCR is not in it.
 */
export async function readPcrBanks(
  tpm: Tpm,
  { bank: wanted, indices }: PcrRequest = {},
): Promise<TpmResult<PcrValues, Fault<'pcr-unavailable' | 'pcr-unstable'>>> {
  const banks = await pcrBanksOf(tpm);
  if (!banks.ok) return banks;
  const there = banks.value.flatMap(({ bank, pcrs }) => (isHash(bank) && pcrs.length > 0 ? [{ bank, pcrs }] : []));
  const chosen = there
    .filter(({ bank }) => wanted === undefined || bank === wanted)
    .map(({ bank, pcrs }) => ({
      bank,
      indices: indices ?? pcrs,
      missing: (indices ?? []).filter((each) => !pcrs.includes(each)),
    }));
  if (chosen.length === 0) {
    const enabled = there.map(({ bank }) => bank).join(', ') || 'none';
    return fail('pcr-unavailable', `${wanted ?? 'no bank'} is not switched on; those that are: ${enabled}`);
  }
  const lacking = chosen.find(({ missing }) => missing.length > 0);
  if (lacking) return fail('pcr-unavailable', `there is no PCR ${lacking.missing.join(', ')} in ${lacking.bank}`);
  for (let attempt = 0; attempt < CONSISTENT_READS; attempt++) {
    const before = await updateCounter(tpm);
    if (!before.ok) return before;
    const values = new Map<HashName, ReadonlyMap<number, Uint8Array>>();
    for (const selection of chosen) {
      const read = await readPcrs(tpm, selection);
      if (!read.ok) return read;
      values.set(selection.bank, new Map([...read.value].toSorted(([a], [b]) => a - b)));
    }
    const after = await updateCounter(tpm);
    if (!after.ok) return after;
    if (before.value === after.value) return ok(values);
  }
  return fail('pcr-unstable', 'PCRs were extended during each of several readings');
}

function isHash(bank: string | number): bank is HashName {
  return typeof bank === 'string' && Object.hasOwn(HASHES, bank);
}

/** How often PCRs were extended: TPM2_PCR_Read tells it for no PCR too. Part 3, 22.4. */
async function updateCounter(tpm: Tpm): Promise<TpmResult<number>> {
  const read = await tpm.run('PCR_Read', { parameters: { pcrSelectionIn: [] } });
  return read.ok ? ok(read.value.parameters.pcrUpdateCounter) : read;
}

export async function tpmPcrsCommand(given: Given): Promise<Result<Shown, CommandFault>> {
  const indices = indicesFrom(given.args);
  if (!indices.ok) return indices;
  const bank = given.options['bank'];
  if (typeof bank === 'string' && !Object.hasOwn(TPM_ALG, bank))
    return wrongUsage(`no hash is called '${bank}'`, `one of ${Object.keys(HASHES).join(', ')}`);
  const read = await withTpm(given, (tpm) =>
    readPcrBanks(tpm, {
      ...(typeof bank === 'string' && { bank }),
      ...(indices.value.length > 0 && { indices: indices.value }),
    }),
  );
  if (!read.ok)
    return read.fault.code === 'pcr-unavailable'
      ? {
          ok: false,
          fault: {
            ...read.fault,
            hint: "'tpm info' shows the banks and their PCRs; the firmware setup switches banks on",
          },
        }
      : read;
  const banks = Object.fromEntries(
    [...read.value].map(([name, values]) => [
      name,
      Object.fromEntries([...values].map(([index, value]) => [index, toHex(value)])),
    ]),
  );
  const lines = [...read.value].flatMap(([name, values]) => [
    `${name}:`,
    ...[...values].map(([index, value]) => `  ${`${index}:`.padEnd(3)} ${toHex(value)}`),
  ]);
  return ok({ document: { banks }, lines });
}

const LAST_PCR = 31;

/** '0', '4', '7-9': ascending, each once. */
function indicesFrom(words: readonly string[]): Result<readonly number[], CommandFault> {
  const indices = new Set<number>();
  for (const word of words.flatMap((each) => each.split(','))) {
    const range = /^(\d{1,2})(?:-(\d{1,2}))?$/.exec(word);
    const [first, last] = [Number(range?.[1]), Number(range?.[2] ?? range?.[1])];
    if (!(first <= last && last <= LAST_PCR))
      return wrongUsage(`no PCR: '${word}'`, `a number from 0 to ${LAST_PCR}, or a range such as 0-7`);
    for (let index = first; index <= last; index++) indices.add(index);
  }
  return ok([...indices].toSorted((a, b) => a - b));
}
