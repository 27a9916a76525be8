import { fail, type Fault, ok, type Result } from '@sekimori/result';

/** One line of the port's protocol, without its end. `guest/README.md` has the protocol. */
export type GuestLine =
  | { readonly type: 'hello' }
  | { readonly type: 'pcr'; readonly index: number; readonly value: string }
  | { readonly type: 'disk'; readonly disk: number; readonly state: DiskState; readonly reason: string }
  | { readonly type: 'note'; readonly text: string }
  | { readonly type: 'recovery'; readonly name: RecoveryPart; readonly chunk: string }
  | { readonly type: 'recover' }
  | { readonly type: 'end'; readonly outcome: 'open' | 'closed' | 'trial' };

export type DiskState = 'open' | 'closed' | 'refused';
const RECOVERY_PARTS = ['vm', 'nonce', 'ek', 'ak', 'attest', 'signature', 'log'] as const;
export type RecoveryPart = (typeof RECOVERY_PARTS)[number];

const MAX_LINE = 1024;

type LineFault = Fault<'guest-port-malformed'>;

/** A line the guest wrote. Everything that is not in the protocol is a fault. */
export function parseGuestLine(line: string): Result<GuestLine, LineFault> {
  if (line.length > MAX_LINE || !/^[ -~]*$/.test(line)) return malformed('no line of printable ASCII');
  const [word = '', ...rest] = line.split(' ');
  const argument = rest.join(' ');
  switch (word) {
    case 'sekimori-guest':
      return argument === '1' ? ok({ type: 'hello' }) : malformed(`version ${argument}`);
    case 'pcr': {
      const found = /^(\d{1,2}) ([0-9a-f]{64})$/.exec(argument);
      return found && Number(found[1]) < 24
        ? ok({ type: 'pcr', index: Number(found[1]), value: found[2] as string })
        : malformed('no PCR');
    }
    case 'disk': {
      const found = /^(\d{1,2}) (open|closed|refused) ([a-z-]{1,32})$/.exec(argument);
      if (!found || Number(found[1]) > 15) return malformed('no disk');
      return ok({ type: 'disk', disk: Number(found[1]), state: found[2] as DiskState, reason: found[3] as string });
    }
    case 'note':
      return ok({ type: 'note', text: argument });
    case 'recovery': {
      const found = /^([a-z]+) ([A-Za-z0-9+/]+={0,2})$/.exec(argument);
      const name = RECOVERY_PARTS.find((each) => each === found?.[1]);
      return name && found ? ok({ type: 'recovery', name, chunk: found[2] as string }) : malformed('no recovery part');
    }
    case 'recover':
      return argument === '' ? ok({ type: 'recover' }) : malformed('recover');
    case 'end':
      return argument === 'open' || argument === 'closed' || argument === 'trial'
        ? ok({ type: 'end', outcome: argument })
        : malformed('no outcome');
    default:
      return malformed('an unknown word');
  }
}

/** Cuts a stream into lines; a line that does not end in time is a fault. */
export class LineReader {
  #held = '';

  /** The time is linear in what comes, however it is cut: what is held is looked through once, when its end has come. */
  push(chunk: Uint8Array): Result<readonly string[], LineFault> {
    // Latin-1 keeps each byte a letter of its own, so that a byte beyond ASCII is refused with its line.
    const lines = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1').split('\n');
    lines[0] = this.#held + (lines[0] ?? '');
    this.#held = lines.pop() ?? '';
    if (this.#held.length > MAX_LINE) return malformed('a line that does not end');
    return ok(lines);
  }
}

function malformed(detail: string) {
  return fail('guest-port-malformed', detail);
}
