export interface Rate {
  /** Requests a second in the long run. */
  readonly perSecond: number;
  /** Requests at once after a pause. */
  readonly burst: number;
}

const MAX_BUCKETS = 10_000;
/** A neighbourhood may ask as often as this many addresses, and so may all together for whom there is no room. */
const NEIGHBOURS = 16;

/**
 * A token bucket for each address and one for its neighbourhood; `now` is in seconds and never goes back. The tables are
 * bounded: a bucket goes when it is full again, since then nothing is forgotten. While there is no room, those who are not in
 * a table share one bucket.
 */
export function rateLimiter(rate: Rate, now: () => number): (address: string) => boolean {
  const wider = { perSecond: rate.perSecond * NEIGHBOURS, burst: rate.burst * NEIGHBOURS };
  const addresses = buckets(rate, wider);
  const neighbourhoods = buckets(wider, wider);
  return (address) => {
    const at = now();
    const neighbourhood = neighbourhoods.find(neighbourhoodOf(address), at);
    if (!neighbourhood.holds) return false; // and takes no room
    const own = addresses.find(networkOf(address), at);
    if (!own.holds) return false;
    neighbourhood.take();
    own.take();
    return true;
  };
}

interface Bucket {
  tokens: number;
  at: number;
}

function buckets(rate: Rate, overflowRate: Rate) {
  const table = new Map<string, Bucket>(); // in order of use
  const overflow: Bucket = { tokens: overflowRate.burst, at: 0 };
  const tokensOf = ({ tokens, at }: Bucket, { perSecond, burst }: Rate, now: number): number =>
    Math.min(burst, tokens + (now - at) * perSecond);
  const hasRoom = (now: number): boolean => {
    if (table.size < MAX_BUCKETS) return true;
    const [oldest] = table; // used longest ago: if any is full again, then most likely this one
    if (!oldest || tokensOf(oldest[1], rate, now) < rate.burst) return false;
    return table.delete(oldest[0]);
  };
  return {
    /** A bucket that is not known is full. It is written down by what is taken from it. */
    find(key: string, now: number) {
      const known = table.get(key);
      const spills = !known && !hasRoom(now);
      const tokens = spills ? tokensOf(overflow, overflowRate, now) : known ? tokensOf(known, rate, now) : rate.burst;
      return {
        holds: tokens >= 1,
        take(): void {
          if (spills) {
            overflow.tokens = tokens - 1;
            overflow.at = now;
            return;
          }
          table.delete(key); // set anew, so that the table stays in order of use
          table.set(key, { tokens: tokens - 1, at: now });
        },
      };
    },
  };
}

/** One IPv4 address, or the /64 that one IPv6 site has to itself. */
export function networkOf(address: string): string {
  const { v4, groups } = partsOf(address);
  return v4 ?? groups.slice(0, 4).join(':');
}

/** What is commonly given to one customer: the /16 of an IPv4 address, the /48 of an IPv6 address. */
function neighbourhoodOf(address: string): string {
  const { v4, groups } = partsOf(address);
  return v4?.split('.').slice(0, 2).join('.') ?? groups.slice(0, 3).join(':');
}

function partsOf(address: string): { readonly v4?: string; readonly groups: readonly string[] } {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(':')) return { v4: mapped ?? address, groups: [] };
  const [head = '', tail] = (address.split('%')[0] as string).toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  return { groups: [...left, ...Array.from({ length: zeros }, () => '0'), ...right] };
}
