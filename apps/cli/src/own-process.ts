/** Of the process itself, beside main.ts: who serves, and whether one that served still does. */
export const ownPid = process.pid;

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0); // signal 0 asks, and sends nothing
  } catch (error) {
    return (error as { readonly code?: string }).code === 'EPERM'; // there, and another user's
  }
}
