export interface Rate {
  /** Requests a second in the long run. */
  readonly perSecond: number;
  /** Requests at once after a pause. */
  readonly burst: number;
}

const MAX_ADDRESSES = 10_000;

/** A token bucket for each address; `now` is in seconds and never goes back. The table is bounded: the oldest goes first. */
export function rateLimiter(rate: Rate, now: () => number): (address: string) => boolean {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return (address) => {
    const key = networkOf(address);
    const at = now();
    const bucket = buckets.get(key) ?? { tokens: rate.burst, at };
    const tokens = Math.min(rate.burst, bucket.tokens + (at - bucket.at) * rate.perSecond);
    const allowed = tokens >= 1;
    buckets.delete(key); // set anew, so that the map stays in order of use
    buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, at });
    if (buckets.size > MAX_ADDRESSES) buckets.delete(buckets.keys().next().value as string);
    return allowed;
  };
}

/** One IPv4 address, or the /64 that one IPv6 site has to itself. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(':')) return address;
  const [head = '', tail] = (address.split('%')[0] as string).toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array.from({ length: zeros }, () => '0'), ...right];
  return groups.slice(0, 4).join(':');
}
