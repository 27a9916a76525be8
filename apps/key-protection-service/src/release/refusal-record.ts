const PERIOD_MILLIS = 60_000;
const MAX_KEPT = 4096;

/**
 * Lets one refusal of a kind on record each minute, and counts those between, so that who may be refused cannot fill the
 * audit log. What it keeps is bounded: the kind whose entry is oldest is forgotten first, with its count.
 */
export class RefusalRecord {
  readonly #kinds = new Map<string, { since: number; left: number }>();

  /** How many were left out since the last entry of this kind; undefined where this one is left out too. */
  admit({ certificate, code }: { readonly certificate: string; readonly code: string }, at: Date): number | undefined {
    const key = `${code} ${certificate}`;
    const now = at.getTime();
    const kind = this.#kinds.get(key);
    if (kind && Math.abs(now - kind.since) < PERIOD_MILLIS) {
      kind.left++;
      return undefined;
    }
    this.#kinds.delete(key); // set anew, so that the map stays in order of entries
    this.#kinds.set(key, { since: now, left: 0 });
    if (this.#kinds.size > MAX_KEPT) this.#kinds.delete(this.#kinds.keys().next().value as string);
    return kind?.left ?? 0;
  }
}
