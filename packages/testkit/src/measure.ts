import { type EventLog, EV, parseEventLog, statedLocality } from '@sekimori/event-log';
import { expectOk } from '@sekimori/result';
import type { SoftwareTpm } from '@sekimori/software-tpm';

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
