import type { CommanderError } from 'commander';
import { type Answer, type CommandFault, type Context, type Outcome } from './outcome.ts';

/** Exit statuses of every command. */
export const STATUS = { ok: 0, failed: 1, usage: 2 } as const;

export const PROGRAM = 'sekimori';

/** Prints what a command found, or why it did not, and answers the exit status. */
export async function settle({ io, json }: Context, answer: () => Answer): Promise<number> {
  let outcome: Outcome;
  try {
    const result = await answer();
    if (!result.ok) return await fault(result.fault, { json, write: io.write });
    outcome = result.value;
  } catch (error) {
    return await fault(faultOf(error), { json, write: io.write });
  }
  const text = json ? await asJson(outcome.json) : outcome.text;
  if (text !== '') io.write(`${text}\n`);
  if (!json) for (const note of outcome.notes ?? []) io.tell(`${note}\n`);
  return outcome.bad ? STATUS.failed : STATUS.ok;
}

async function asJson(document: unknown): Promise<string> {
  const { terminalJson } = await import('@sekimori/service-kit/program');
  return terminalJson(document, 2);
}

async function fault(
  { code, detail, hint, traceId, usage }: CommandFault,
  { json, write }: { readonly json: boolean; readonly write: (text: string) => void },
): Promise<number> {
  const { complain } = await import('@sekimori/service-kit/program');
  if (json) write(`${await asJson({ fault: { code, detail, hint, traceId } })}\n`);
  complain(PROGRAM, traceId === undefined ? detail : `${detail} (trace ${traceId})`, hint);
  return usage ? STATUS.usage : STATUS.failed;
}

/** What reached us as a throw: a service or a disk that is out of reach. */
function faultOf(error: unknown): CommandFault {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  if (name === 'OutageError')
    return {
      code: 'unreachable',
      detail: message,
      hint: "see 'sekimori status'; 'sekimori serve' starts the services",
    };
  const { code, path } = error as { readonly code?: unknown; readonly path?: unknown };
  if (typeof code === 'string' && typeof path === 'string')
    return {
      code: 'file',
      detail: `${path}: ${FILE_TROUBLE[code] ?? code}`,
      hint: 'check the path and who may use the file',
    };
  return { code: 'failed', detail: message };
}

const FILE_TROUBLE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'you may not use this file',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is no folder',
  ENOSPC: 'the disk is full',
  EROFS: 'the disk is read-only',
};

/** Help and version end well; everything else that commander stops at is a wrong command line. */
export async function settleUsage(error: CommanderError, command: string): Promise<number> {
  if (error.exitCode === 0) return STATUS.ok;
  if (error.code === 'commander.help') return STATUS.usage; // a group without a command: its help was shown
  const { complain } = await import('@sekimori/service-kit/program');
  complain(PROGRAM, error.message.replace(/^error: /, '').replaceAll('\n', ' '), `see '${command} --help'`);
  return STATUS.usage;
}
