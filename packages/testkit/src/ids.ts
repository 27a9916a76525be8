/** UUIDs in order, 00000000-0000-4000-8000-000000000001 first: different ones, and the same ones in each run. */
export function createIds(): () => string {
  let last = 0;
  return () => `00000000-0000-4000-8000-${(++last).toString(16).padStart(12, '0')}`;
}
