import type { ChildProcess } from 'node:child_process';

/** Our processes: none outlives us, also when nobody stopped it. One listener, however many TPMs run. */
const ours = new Set<ChildProcess>();
let listening = false;

export function endWithUs(child: ChildProcess): void {
  ours.add(child);
  child.once('exit', () => ours.delete(child));
  if (listening) return;
  listening = true;
  process.once('exit', () => {
    for (const each of ours) each.kill();
  });
}
