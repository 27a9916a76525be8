import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { labIsMissing } from '@sekimori/lab';
import { expect, it } from 'vitest';
import { assemble } from '../src/tiny-guest/assemble.ts';
import * as program from '../src/tiny-guest/program.ts';

it.skipIf(labIsMissing())('what a line of the program says it does is what its bytes do', async () => {
  const lines = Object.values(program).flat();
  const names = lines.flatMap(([code]) => /@(\w+)/.exec(code)?.[1] ?? []);
  const labels = new Set(lines.flatMap(([code]) => (code.endsWith(':') ? code.slice(0, -1) : [])));
  const data = names.filter((name) => !labels.has(name)).map((name) => [name, 0x2000] as const);
  const claimed = lines.filter(([code]) => !code.endsWith(':')).map(([, meaning]) => plain(meaning.split('   ')[0]));
  expect(await disassembled(assemble(lines, 0x1000, new Map(data)))).toEqual(claimed);
});

async function disassembled(code: Uint8Array): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'objdump-'));
  try {
    const file = join(folder, 'code');
    await writeFile(file, code);
    const options = ['-D', '-b', 'binary', '-m', 'i386:x86-64', '-M', 'intel', '--insn-width=16'];
    const { stdout } = await promisify(execFile)('objdump', [...options, file]);
    return stdout.split('\n').flatMap((line) => {
      const [, , instruction] = line.split('\t');
      return instruction ? plain(instruction.replace(/#.*/, '').trim()) : [];
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** One spelling for both: numbers in hex, no sizes of operands, `@` for what stands for an address or a constant. */
function plain(instruction = ''): string {
  return instruction
    .replace(/^(\w+) +/, '$1 ')
    .replaceAll(/[A-Z]+ PTR |\*1/g, '')
    .replaceAll(', ', ',')
    .replace(/^(call|jmp|j\w+) (0x[0-9a-f]+|[a-zA-Z]{4,})$/, '$1 @')
    .replace(/\[rip[+-]0x[0-9a-f]+\]|\[[a-zA-Z]{4,}\]/, '[@]')
    .replace(/^movabs (\w+),.*/, 'movabs $1,@')
    .replaceAll(/\b\d+\b/g, (number) => `0x${Number(number).toString(16)}`);
}
