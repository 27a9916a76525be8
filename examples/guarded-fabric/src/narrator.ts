import type { Narrator } from './story.ts';

/** Readable progress: coloured on a terminal, plain otherwise. */
export function textNarrator(write: (text: string) => void, colours: boolean): Narrator {
  const paint = (code: string, text: string) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
  return {
    note: (text) => write(`${paint('33', text)}\n`),
    chapter: (title) => write(`\n${paint('1', title)}\n`),
    begin: (name) => colours && write(`  ${paint('2', '…')} ${name}`),
    end: (report, told) => {
      if (colours) write('\r\u001b[K');
      const mark = report.ok ? paint('32', '✓') : paint('31', '✗');
      const fault = report.fault ? ` ${paint(report.ok ? '33' : '31', `[${report.fault}]`)}` : '';
      write(`  ${mark} ${report.name}${fault} ${paint('2', `${report.millis} ms`)}\n`);
      const phases = told.phases?.map(({ phase, millis }) => `${phase} ${millis} ms`).join(', ') ?? [];
      for (const line of [phases, told.lines ?? []].flat()) write(`      ${paint('2', line)}\n`);
      if (report.problem !== undefined) write(`      ${paint('31', report.problem)}\n`);
    },
  };
}

export const silentNarrator: Narrator = { note: () => {}, chapter: () => {}, begin: () => {}, end: () => {} };
