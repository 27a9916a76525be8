import { globSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Coverage } from './instrument.ts';
import { type Fuzz, load, targetsIn, type TargetModule } from './target.ts';
import { fuzzTarget, type Outcome, tryInput } from './loop.ts';
import { type Answer, NOTE_HEADER, type Request } from './messages.ts';
import { seedOf } from './sequence.ts';
import { wordsOf } from './words.ts';

// The process in which targets run. It may hang, grow or end at any time: its parent reads from the file named by the
// first argument which input it was at. With a second one, it counts what runs.
const LARGEST_FILE = 1 << 16;
const coverage = await coverageOf(process.argv[3] === 'coverage');
const notes = openSync(process.argv[2] as string, 'r+');
let note = Buffer.alloc(1 << 16);
let count = 0;

process.on('message', (request: Request) => {
  void answer(request).then((reply) => process.send?.(reply));
});

/** The compiler that the rewriting needs takes a while to load: not where nobody wants it. */
async function coverageOf(wanted: boolean): Promise<Coverage> {
  if (!wanted) return { reset: () => {}, count: () => 0 };
  const { startCoverage } = await import('./instrument.ts');
  return startCoverage();
}

async function answer(request: Request): Promise<Answer> {
  try {
    return await answered(request);
  } catch (thrown) {
    // Only what loads a file comes here; what a target throws is caught where it runs.
    const detail = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    const failure = { kind: 'load', detail, input: new Uint8Array() } as const;
    return request.do === 'try'
      ? { is: 'tried', failure }
      : { is: 'outcome', outcome: { executions: 0, millis: 0, fresh: 0, failure } };
  }
}

async function answered(request: Request): Promise<Answer> {
  count = 0;
  if (request.do === 'list') return { is: 'targets', targets: targetsIn(request.file, await load(request.file)) };
  const { file, id, name } = request.target;
  const module = await load(file);
  const fuzz = functionOf(module, name);
  if (request.do === 'try') {
    takeNote(request.input);
    const failure = await tryInput(fuzz, request.input, request.limits);
    return { is: 'tried', ...(failure ? { failure } : {}) };
  }
  coverage.reset();
  const outcome: Outcome = await fuzzTarget(
    fuzz,
    { ...request.effort, seed: seedOf(request.effort.seed, id) },
    {
      seeds: [...(module.seeds?.(name) ?? []), ...corpusOf(request.effort.corpus)],
      words: wordsOf(dirname(dirname(file))),
      blocks: coverage.count,
      before: takeNote,
    },
  );
  return { is: 'outcome', outcome };
}

function functionOf(module: TargetModule, name: string | undefined): Fuzz {
  const fuzz = name === undefined ? module.default : module.targets?.[name];
  if (!fuzz) throw new Error(`there is no target ${name}`);
  return fuzz;
}

function corpusOf(folder: string | undefined): readonly Uint8Array[] {
  if (folder === undefined) return [];
  return globSync('**', { cwd: folder })
    .toSorted()
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile() && statSync(file).size <= LARGEST_FILE)
    .map((file) => Uint8Array.from(readFileSync(file)));
}

function takeNote(input: Uint8Array): void {
  const length = NOTE_HEADER + input.length;
  if (note.length < length) note = Buffer.alloc(2 * length);
  note.writeUInt32LE(++count % 2 ** 32, 0);
  note.writeUInt32LE(input.length, 4);
  note.set(input, NOTE_HEADER);
  writeSync(notes, note, 0, length, 0);
}
