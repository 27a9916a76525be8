import { closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Fault, type Result, fail, ok } from '@sekimori/result';

/**
 * Makes the file before SQLite does, so that nobody but its owner ever could read it; SQLite gives `-wal` and `-shm` the
 * same mode. A new directory is private too. `database-exposed`: a file is there that others may read or write.
 */
export function claimPrivateFile(file: string): Result<void, Fault<'database-exposed'>> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, 'a', 0o600));
  for (const each of [file, `${file}-wal`, `${file}-shm`]) {
    const mode = statSync(each, { throwIfNoEntry: false })?.mode ?? 0;
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      return fail(
        'database-exposed',
        `${each} is open to other users (mode ${(mode & 0o777).toString(8)}); set it to 600`,
      );
  }
  return ok(undefined);
}
