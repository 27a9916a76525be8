/** A shorter and simpler input for which `fails` still holds: parts are cut, halves first, then bytes become zero. */
export async function shrink(
  input: Uint8Array,
  fails: (candidate: Uint8Array) => Promise<boolean>,
  limits: { readonly tries: number; readonly until: number },
): Promise<Uint8Array> {
  let [best, tries] = [input, 0];
  const better = async (candidate: Uint8Array): Promise<boolean> => {
    if (tries++ >= limits.tries || performance.now() > limits.until || !(await fails(candidate))) return false;
    best = candidate;
    return true;
  };
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let at = 0; at < best.length; ) {
      const cut = Uint8Array.of(...best.subarray(0, at), ...best.subarray(at + size));
      if (!(await better(cut))) at += size;
    }
  for (let at = 0; at < best.length; at++)
    if (best[at] !== 0) await better(best.map((byte, index) => (index === at ? 0 : byte)));
  return best;
}
