import { setTimeout as sleep } from 'node:timers/promises';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import { isAlive, kill, type ProcessIdentity, readIsolation } from './process.ts';
import { Qmp } from './qmp.ts';
import { RunFolder } from './run-folder.ts';
import { type Exit, RunningMachine } from './running-machine.ts';

const WATCH_MILLIS = 200;
const ANSWER_MILLIS = 5_000;

/**
 * Takes over a QEMU that another process of ours started in the folder, and that has gone. `run-folder`; `no-such-process` where it runs
 * no more; `qemu-not-answering` where it was cut off in the middle of its start, or another process holds it: `discardQemu` ends it.
 */
export async function adoptQemu(options: {
  readonly runFolder: string;
  readonly transcript?: (line: string) => void;
  readonly answerMillis?: number;
}): Promise<Result<RunningMachine, Fault<'run-folder' | 'no-such-process' | 'qemu-not-answering'>>> {
  const { runFolder, transcript, answerMillis: timeoutMillis = ANSWER_MILLIS } = options;
  const folder = await RunFolder.open(runFolder);
  if (!folder.ok) return folder;
  const process = await folder.value.readRecord();
  if (!process || !(await isAlive(process))) return fail('no-such-process', `no QEMU runs in ${runFolder}`);
  const connected = await Qmp.connect(folder.value.qmpSocket, { timeoutMillis, transcript });
  if (!connected.ok) return fail('qemu-not-answering', connected.fault.detail, { cause: connected.fault });
  const isolation = await readIsolation(process.pid);
  if (!isolation) {
    connected.value.close();
    return fail('no-such-process', 'it has just ended');
  }
  const exited = watched(process, folder.value, { ref: false });
  return ok(
    new RunningMachine({ process, qmp: connected.value, isolation, exited, folder: folder.value, release: () => {} }),
  );
}

/** Ends what was started in the folder, by force. False where nothing runs. */
export async function discardQemu(runFolder: string): Promise<Result<boolean, Fault<'run-folder'>>> {
  const folder = await RunFolder.open(runFolder);
  if (!folder.ok) return folder;
  const process = await folder.value.readRecord();
  if (!process || !(await kill(process))) return ok(false);
  await watched(process, folder.value);
  return ok(true);
}

/** Resolves when a process has ended that is not our child. */
async function watched(process: ProcessIdentity, folder: RunFolder, options = { ref: true }): Promise<Exit> {
  while (await isAlive(process)) await sleep(WATCH_MILLIS, undefined, options);
  return { code: undefined, signal: undefined, said: await folder.lastWords() };
}
