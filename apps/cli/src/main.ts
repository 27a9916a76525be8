import { createRequire } from 'node:module';
import type { Io } from './io.ts';
import { run } from './program.ts';

const { version } = createRequire(import.meta.url)('../package.json') as { readonly version: string };
const { stdin, stdout, stderr, env } = process;

// Whoever reads us may stop reading, as 'head' does: that is no failure.
stdout.on('error', (error: { readonly code?: string }) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const io: Io = {
  env,
  colours: stdout.isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb',
  columns: stdout.isTTY ? stdout.columns : undefined,
  write: (text) => void stdout.write(text),
  tell: (text) => void stderr.write(text),
  ask: stdin.isTTY && stderr.isTTY ? askOnTerminal : undefined,
  stdin: () => stdin,
  now: () => new Date(),
};

process.exitCode = await run(io, version, process.argv.slice(2));

async function askOnTerminal(question: string): Promise<string> {
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: stdin, output: stderr });
  try {
    return await terminal.question(question);
  } finally {
    terminal.close();
  }
}
