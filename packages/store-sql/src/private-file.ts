import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { type Fault, type Result, fail, ok } from '@sekimori/result';

type Exposed = Fault<'database-exposed'>;

/**
 * Makes the file before SQLite does, so that nobody but its owner ever could read it; SQLite gives `-wal` and `-shm` the
 * same mode. A new directory is private too, and an old one must be: who may write in it could put another file in the
 * place of ours. `database-exposed`: one of them is a link, another user's, or open to others.
 */
export function claimPrivateFile(file: string): Result<void, Exposed> {
  const folder = dirname(file);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (process.platform === 'win32') return claim(file, () => ok(undefined));
  const safe = checked(folder, lstatSync(folder), constants.S_IFDIR);
  if (!safe.ok) return safe;
  return claim(file, (stats) => {
    const companions = [`${file}-wal`, `${file}-shm`];
    for (const each of companions) {
      const found = lstatSync(each, { throwIfNoEntry: false });
      const fine = found ? checked(each, found, constants.S_IFREG) : ok(undefined);
      if (!fine.ok) return fine;
    }
    return checked(file, stats, constants.S_IFREG);
  });
}

function claim(file: string, check: (stats: Stats) => Result<void, Exposed>): Result<void, Exposed> {
  let descriptor: number;
  try {
    // Not blocking: a pipe in place of the file must not hold us up.
    const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
    descriptor = openSync(file, O_RDWR | O_APPEND | O_CREAT | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0), 0o600);
  } catch (error) {
    if ((error as { code?: string }).code !== 'ELOOP') throw error;
    return fail('database-exposed', `${file} is a symbolic link`);
  }
  try {
    return check(fstatSync(descriptor)); // of what was opened, not of what the name means by now
  } finally {
    closeSync(descriptor);
  }
}

function checked(path: string, { mode, uid }: Stats, type: number): Result<void, Exposed> {
  const [kind, right] = type === constants.S_IFDIR ? ['directory', '700'] : ['regular file', '600'];
  if ((mode & constants.S_IFMT) !== type) return fail('database-exposed', `${path} is not a ${kind}`);
  if (uid !== process.getuid?.()) return fail('database-exposed', `${path} belongs to another user`);
  if ((mode & 0o077) !== 0)
    return fail(
      'database-exposed',
      `${path} is open to other users (mode ${(mode & 0o777).toString(8)}); set it to ${right}`,
    );
  return ok(undefined);
}
