import { equal } from '@sekimori/bytes';
import type { ReadEvent } from '@sekimori/event-log';
import type { Draft } from '../draft.ts';
import type { BootEnvironment } from '../environment.ts';

/** DiskGUID in the header of a GPT. UEFI 2.10, 5.3.2. */
const DISK_GUID = { from: 56, to: 72 } as const;

/** EV_EFI_GPT_EVENT against the table of the disk with the same GUID. */
export function partitionTableStep(draft: Draft, { partitionTables }: BootEnvironment, event: ReadEvent): void {
  const guid = event.data.subarray(DISK_GUID.from, DISK_GUID.to);
  const now = partitionTables.find((table) => equal(table.subarray(DISK_GUID.from, DISK_GUID.to), guid));
  if (!now || event.coverage !== 'hashed') {
    draft.unknown(event);
    const detail = 'the partition table of the disk that this boot came from cannot be read: run this as root';
    draft.find('partition-table-unreadable', 'unknown', 'partition table', [event.pcr], detail);
    return;
  }
  if (!draft.becomes(event, draft.hash(now)))
    draft.find('partition-table-changed', 'changes', 'partition table', [event.pcr], 'it has changed since this boot');
}
