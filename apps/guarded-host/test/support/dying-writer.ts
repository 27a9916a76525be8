// A process that is killed at its nth call to the file system: node dying-writer.ts FOLDER N. Else it tells how many there were.
import files, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { Secret } from '@sekimori/crypto-core';
import { expectOk } from '@sekimori/result';
import { fileHostState } from '../../src/state/files.ts';
import { AFTER } from './states.ts';

const [folder = '', nth = ''] = process.argv.slice(2);
let calls = 0;

function dieAt<T extends object>(target: T, names: readonly (keyof T)[]): void {
  for (const name of names) {
    const call = target[name] as (...args: unknown[]) => Promise<unknown>;
    const dying = function (this: unknown, ...args: unknown[]) {
      if (++calls === Number(nth)) process.kill(process.pid, 'SIGKILL');
      return call.apply(this, args);
    };
    Object.assign(target, { [name]: dying });
  }
}

const state = expectOk(await fileHostState(folder));
const probe = await files.open(import.meta.filename);
const handle = Object.getPrototypeOf(probe) as FileHandle;
await probe.close();
dieAt(handle, ['writeFile', 'sync', 'close']);
dieAt(files, ['open', 'link', 'rename', 'unlink', 'mkdir', 'lstat']);
syncBuiltinESMExports();

await state.saveEnrolment(AFTER.enrolment);
await state.saveHealth(AFTER.health);
expectOk(await state.saveClientKey(new Secret(AFTER.key)));
process.stdout.write(String(calls));
