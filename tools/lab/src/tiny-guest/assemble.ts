/**
 * A line of a program: bytes in hex and the instruction they are, or a label and what is found there. `@name` stands for the
 * four bytes that lead from the end of the instruction, where they must be, to the label or datum of that name.
 *
 *     ['again:', 'comes here sixteen times'],
 *     ['ff c9', 'dec ecx'],
 *     ['0f 85 @again', 'jnz again'],
 */
export type Line = readonly [code: string, meaning: string];

/**
 * The bytes of a program that will stand at address `at`; `data` are the addresses of what it names beside its own labels.
 * Throws on a name that is not there, or there twice.
 */
export function assemble(
  program: readonly Line[],
  at: number,
  data: ReadonlyMap<string, number>,
): Uint8Array<ArrayBuffer> {
  const addressOf = new Map(data);
  let next = at;
  for (const [code] of program) {
    const label = labelOf(code);
    if (label === undefined) next += sizeOf(code);
    else if (addressOf.has(label)) throw new Error(`${label} is there twice`);
    else addressOf.set(label, next);
  }

  const out = Buffer.alloc(next - at);
  let offset = 0;
  for (const [code] of program) {
    if (labelOf(code) !== undefined) continue;
    const [opcode = '', target] = code.split('@');
    const end = offset + sizeOf(code);
    out.write(opcode.replaceAll(' ', ''), offset, 'hex');
    if (target !== undefined) {
      const address = addressOf.get(target);
      if (address === undefined) throw new Error(`nothing is called ${target}`);
      out.writeInt32LE(address - (at + end), end - 4);
    }
    offset = end;
  }
  return Uint8Array.from(out);
}

const labelOf = (code: string) => (code.endsWith(':') ? code.slice(0, -1) : undefined);

function sizeOf(code: string): number {
  if (!/^([0-9a-f]{2} )*([0-9a-f]{2}|@\w+)$/.test(code)) throw new Error(`not a line of a program: ${code}`);
  return code.split(' ').reduce((size, word) => size + (word.startsWith('@') ? 4 : 1), 0);
}
