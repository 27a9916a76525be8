import { ok, type Result } from '@sekimori/result';
import {
  adviceOnResponseCode,
  type Command,
  type CommandName,
  COMMANDS,
  explainResponseCode,
  type ResponseCode,
} from '@sekimori/tpm2';
import { type CommandFault, type Given, type Shown, wrongUsage } from './command.ts';
import { commandNamed } from './command-names.ts';
import { entries } from './text.ts';

/** A response code for people; the document of `tpm explain-rc --json`. */
export interface ExplainedCode extends Omit<ResponseCode, 'kind'> {
  /** '0x9a2'. */
  readonly hex: string;
  /** `unknown`: the specification has no such number, though a vendor may. `no-response-code`: it has more than twelve bits. */
  readonly kind: ResponseCode['kind'] | 'unknown' | 'no-response-code';
  readonly command?: CommandName;
  /** What `about` is in `command`: the name of the handle or parameter, of Part 3. */
  readonly blames?: string;
  readonly means?: string;
  readonly todo?: string;
}

/** What is known of `code`, as the answer to `command` where that is given. */
export function explainCode(code: number, command?: CommandName): ExplainedCode {
  const response = explainResponseCode(code);
  const hex = `0x${code.toString(16).padStart(3, '0')}`;
  const asked = command === undefined ? {} : { command };
  if (code > 0xfff) return { code, hex, name: response.name, kind: 'no-response-code', retry: false, ...asked };
  const advice = adviceOnResponseCode(code, command);
  const kind = advice || response.kind === 'vendor' ? response.kind : 'unknown';
  const blames = command && response.about && blamedIn(command, response.about);
  return { ...response, hex, kind, ...asked, ...(blames === undefined ? {} : { blames }), ...advice };
}

function blamedIn(name: CommandName, { part, number }: NonNullable<ResponseCode['about']>): string | undefined {
  const command: Command = COMMANDS[name];
  if (part === 'parameter') return command.request.fields[number - 1]?.key;
  if (part === 'handle') return command.handles[number - 1];
  const authorized = number <= command.authorized ? command.handles[number - 1] : undefined;
  return authorized === undefined ? undefined : `the authorization of ${authorized}`;
}

export async function explainRcCommand({ args, options }: Given): Promise<Result<Shown, CommandFault>> {
  const [text = ''] = args;
  const code = /^(?:0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text) ? Number(text) : Number.NaN;
  if (!(code <= 0xffffffff))
    return wrongUsage(`no response code: '${text}'`, 'hex with 0x, or decimal, such as 0x9a2 or 2466');
  const command = typeof options['command'] === 'string' ? commandNamed(options['command']) : ok(undefined);
  if (!command.ok) return command;
  const explained = explainCode(code, command.value);
  return ok({ document: explained, lines: linesOf(explained) });
}

function linesOf(explained: ExplainedCode): readonly string[] {
  const { name, hex, code, kind, about, blames, command, retry, means, todo } = explained;
  const place = about && `${about.part} ${about.number}`;
  const within = command && `TPM2_${command}`;
  return entries([
    ['code', `${hex} (${code})`],
    ['name', kind === 'unknown' || kind === 'no-response-code' ? undefined : name],
    ['kind', KINDS[kind]],
    ['about', place && [place, blames, within && `of ${within}`].filter((word) => word !== undefined).join(', ')],
    ['means', means ?? MEANS[kind]],
    [
      'retry',
      kind === 'error' || kind === 'warning'
        ? retry
          ? 'the same command, sent again, may succeed'
          : 'of no use as it is'
        : undefined,
    ],
    ['do', todo ?? TODO[kind]],
  ]);
}

const KINDS: Readonly<Record<ExplainedCode['kind'], string>> = {
  success: 'success',
  error: 'error',
  warning: 'warning: the state of the TPM, not the command, is in the way',
  vendor: 'of the vendor',
  unknown: 'unknown',
  'no-response-code': 'no response code of a TPM',
};
const MEANS: Readonly<Partial<Record<ExplainedCode['kind'], string>>> = {
  vendor: 'the vendor of the TPM gave it a meaning of its own',
  unknown: 'the TPM 2.0 Library specification has no such code',
  'no-response-code':
    'response codes have twelve bits; software below or above the TPM puts its own layer into the bits over them',
};
const TODO: Readonly<Partial<Record<ExplainedCode['kind'], string>>> = {
  vendor: "see the vendor's documentation; 'tpm info' names the vendor",
  unknown: 'see that the number is complete; a newer specification may have it',
  'no-response-code':
    'ask the software that printed it, such as tpm2_rc_decode of tpm2-tools for the TCG software stack',
};
