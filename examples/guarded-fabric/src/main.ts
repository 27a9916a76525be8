import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { silentNarrator, textNarrator } from './narrator.ts';
import { play, reset } from './play.ts';

const stateHome = process.env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state');
const command = new Command('guarded-fabric')
  .description(
    'Starts the services on loopback and plays a guarded fabric: a host enrols, attests, opens a key, runs a VM where QEMU is installed; others are refused.',
  )
  .option(
    '--data <DIR>',
    'where everything is kept; a second start goes on with it',
    join(stateHome, 'sekimori-guarded-fabric'),
  )
  .option('--reset', 'begin anew: removes what --data holds')
  .option('--no-vm', 'leave out the chapter with a virtual machine, also where QEMU is installed')
  .option('--once', 'end after the story, with exit status 0 or 1')
  .option('--json', 'one JSON document on standard output when the story has ended')
  .addHelpText('after', '\nExample:\n  npm start --silent -- --once --json');
command.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));
const options = command.parse().opts<{ data: string; reset?: true; vm: boolean; once?: true; json?: true }>();

const folder = resolve(options.data);
const colours = process.stdout.isTTY && !process.env['NO_COLOR'];
const narrator = options.json ? silentNarrator : textNarrator((text) => process.stdout.write(text), colours);

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());

try {
  if (options.reset) await reset(folder);
  const { story, tpm, data, fabric } = await play(folder, { narrator, stop: stopping.signal, vm: options.vm });
  const { steps, leftOut } = story;
  if (options.json) process.stdout.write(`${JSON.stringify({ tpm, steps, leftOut }, null, 2)}\n`);
  const refusals = steps.filter(({ ok, fault }) => ok && fault !== undefined).length;
  narrator.chapter(
    story.ok
      ? `All ${steps.length} steps held, ${refusals} of them refusals.${leftOut.length > 0 ? ' A chapter was left out.' : ''}`
      : `The story ended at step ${steps.length}: ${steps.at(-1)?.name}.`,
  );
  if (options.once || !fabric || !story.ok || stopping.signal.aborted) {
    await fabric?.close();
    process.exitCode = story.ok ? 0 : 1;
  } else await stayUp(fabric, data);
} catch (error) {
  process.stderr.write(`guarded-fabric: error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.stderr.write(`guarded-fabric: hint: 'npm start -- --reset' begins anew; --help shows the options\n`);
  process.exitCode = 1;
}

async function stayUp(fabric: NonNullable<Awaited<ReturnType<typeof play>>['fabric']>, data: string): Promise<void> {
  const at = `--data ${data}`;
  const lines = [
    '',
    `The services are up: ${fabric.services.attestationUrl} and ${fabric.services.keyProtectionUrl}. Try, in another terminal:`,
    '',
    `  npx --no-install sekimori status ${at}`,
    `  npx --no-install sekimori host list ${at}`,
    `  npx --no-install sekimori baseline list ${at}`,
    `  npx --no-install sekimori audit verify ${at}`,
    '  npx --no-install sekimori explain examples/boots/uki-snakeoil/binary_bios_measurements',
    '',
    '(They were started anew during the story, on other ports.) Ctrl+C stops them; the next start goes on with the same data.',
    '',
  ];
  process.stdout.write(lines.join('\n'));
  await new Promise<void>((stop) => stopping.signal.addEventListener('abort', () => stop(), { once: true }));
  await fabric.close();
  process.stdout.write('stopped\n');
}
