/** No list of a store is longer than this. */
export const MAX_PAGE = 1000;

/** Throws a RangeError for a limit that no page can have: a bug of the caller. */
export function pageLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_PAGE) return limit;
  throw new RangeError(`a page has 1 to ${MAX_PAGE} entries, not ${limit}`);
}
