import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type RunOptions, run, type TargetResult, tryFiles } from './run.ts';
import { filesIn } from './target.ts';

const HELP = `Usage: npm run fuzz -- [options] [FILE…]

Feeds fuzz targets with made-up bytes. A target is a file below packages/*/fuzz or apps/*/fuzz, or FILE.

  --seconds N       for all targets together (60)
  --executions N    as many inputs for each target, instead of a time
  --target ID       this one, or all whose name begins so; may be given again
  --seed N          chooses the inputs (1): the same seed, the same inputs
  --corpus DIR      files of up to 64 KiB to start from, beside those that targets bring
  --input FILE      tries this file, needs one --target; may be given again
  --findings DIR    where inputs that fail are written (fuzz-findings)
  --json            one JSON document on stdout
  --help

Example: npm run fuzz -- --seconds 60 --target tpm2/attest --seed 7

Exit status: 0 nothing found, 1 a target failed, 2 wrong arguments.
`;

try {
  process.exitCode = await main();
} catch (thrown) {
  if (!(thrown instanceof RangeError || thrown instanceof TypeError)) throw thrown;
  process.stderr.write(`fuzz: error: ${thrown.message}\nfuzz: hint: npm run fuzz -- --help\n`);
  process.exitCode = 2;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '60' },
      executions: { type: 'string' },
      target: { type: 'string', multiple: true, default: [] },
      seed: { type: 'string', default: '1' },
      input: { type: 'string', multiple: true, default: [] },
      corpus: { type: 'string' },
      findings: { type: 'string', default: 'fuzz-findings' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const files =
    positionals.length > 0
      ? positionals.map((file) => resolve(file))
      : filesIn(fileURLToPath(new URL('../../../', import.meta.url)));
  if (values.input.length > 0) return repeat(files, values.target, values.input);
  const seed = wholeNumber('--seed', values.seed);
  const { executions, seconds } = values;
  const began = performance.now();
  let finished = 0;
  const options: RunOptions = {
    files,
    wanted: values.target,
    seed,
    effort:
      executions === undefined
        ? { seconds: wholeNumber('--seconds', seconds) }
        : { executions: wholeNumber('--executions', executions) },
    lanes: availableParallelism(),
    findings: values.findings,
    ...(values.corpus === undefined ? {} : { corpus: resolve(values.corpus) }),
    onResult: (result) => process.stderr.write(`${String(++finished).padStart(4)}  ${lineOf(result)}\n`),
  };
  const results = await run(options);
  const findings = results.flatMap(({ finding }) => (finding ? [finding] : []));
  const tookSeconds = Math.round((performance.now() - began) / 1000);
  if (values.json)
    process.stdout.write(`${JSON.stringify({ seed, tookSeconds, targets: results, findings }, null, 2)}\n`);
  else process.stdout.write(textOf(results, seed, tookSeconds));
  return findings.length > 0 ? 1 : 0;
}

async function repeat(
  files: readonly string[],
  targets: readonly string[],
  inputs: readonly string[],
): Promise<number> {
  const [id] = targets;
  if (id === undefined || targets.length > 1) throw new RangeError('--input needs one --target');
  const failures = await tryFiles(
    files,
    id,
    inputs.map((input) => Uint8Array.from(readFileSync(input))),
  );
  failures.forEach((failure, at) =>
    process.stdout.write(`${inputs[at]}: ${failure ? `${failure.kind}: ${failure.detail}` : 'passes'}\n`),
  );
  return failures.some((failure) => failure !== undefined) ? 1 : 0;
}

function lineOf({ target, executions, perSecond, fresh, finding }: TargetResult): string {
  const numbers = `${executions} executions, ${perSecond}/s, ${fresh} new inputs`;
  return `${target}: ${numbers}${finding ? `, FAILED (${finding.kind})` : ''}`;
}

function textOf(results: readonly TargetResult[], seed: number, tookSeconds: number): string {
  const lines = results.map(lineOf);
  const findings = results.flatMap(({ finding }) => (finding ? [finding] : []));
  for (const { target, kind, detail, bytes, file, hex, again, repeat: command } of findings)
    lines.push(
      '',
      `${target}: ${kind}${again ? '' : ' (not again when tried once more)'}`,
      ...detail.split('\n').map((line) => `  ${line}`),
      `  input: ${bytes} bytes in ${file}${hex === undefined ? '' : `, hex ${hex}`}`,
      `  again: ${command}`,
    );
  const total = results.reduce((sum, { executions }) => sum + executions, 0);
  const summary = `${results.length} targets, ${total} executions, ${findings.length} findings, seed ${seed}, ${tookSeconds} s`;
  return `${[...lines, '', summary].join('\n')}\n`;
}

function wholeNumber(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new RangeError(`${option} is a whole number, not ${text}`);
  return Number(text);
}
