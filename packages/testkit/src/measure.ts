import { type EventLog, EV, parseEventLog, statedLocality } from '@sekimori/event-log';
import { expectOk } from '@sekimori/result';
import type { SoftwareTpm } from '@sekimori/software-tpm';
import { extendPcr, type Tpm } from '@sekimori/tpm2';

/** Boots a TPM as the log says: a reset from the locality it states, then every digest for a bank the TPM has. Throws for a log that is none. */
export function measure(tpm: SoftwareTpm, eventLog: Uint8Array): EventLog {
  const log = expectOk(parseEventLog(eventLog));
  tpm.reset(expectOk(statedLocality(log)) ?? 0);
  for (const { type, pcr, digests } of log.events) {
    if (type === EV.EV_NO_ACTION) continue;
    const extended = tpm.banks.flatMap((bank) => {
      const digest = digests.get(bank);
      return digest ? [[bank, digest] as const] : [];
    });
    tpm.extendPcr(pcr, new Map(extended));
  }
  return log;
}

/** The same for the SHA-256 bank of any TPM that has just been reset, from locality 0. */
export async function measureInto(tpm: Tpm, eventLog: Uint8Array): Promise<void> {
  for (const { type, pcr, digests } of expectOk(parseEventLog(eventLog)).events) {
    const digest = digests.get('sha256');
    if (type !== EV.EV_NO_ACTION && digest) expectOk(await extendPcr(tpm, pcr, 'sha256', digest));
  }
}
