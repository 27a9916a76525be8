import type { AttestationStore } from '@sekimori/store';

/** Rows of one command: others' commands come in between. */
const AT_ONCE = 1000;

type PrunedStore = Pick<AttestationStore, 'pruneChallenges' | 'pruneCertificates' | 'prunePendingHosts'>;

/** Forgets all that ended long enough ago, so that no rate of requests outgrows it. */
export async function prune(
  store: PrunedStore,
  { at, pendingSeconds }: { readonly at: Date; readonly pendingSeconds: number },
  signal?: AbortSignal,
): Promise<void> {
  const page = { at, limit: AT_ONCE };
  const enrolledBefore = new Date(at.getTime() - 1000 * pendingSeconds);
  for (const some of [
    () => store.pruneChallenges(page),
    () => store.pruneCertificates(page),
    () => store.prunePendingHosts({ enrolledBefore, limit: AT_ONCE }),
  ])
    for (;;) {
      if (signal?.aborted) return;
      if ((await some()) < AT_ONCE) break;
    }
}
