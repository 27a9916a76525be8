import { readFileSync, writeFileSync } from 'node:fs';
import { entriesOf, PACKAGES, shortcomings } from './public-symbols.ts';

// Public symbols and their comments, against undocumented.json: what is missing there fails, and so does a line of it that
// is no longer true. `--shrink` takes such lines out; none is ever added.
const file = new URL('../undocumented.json', import.meta.url);
const known = JSON.parse(readFileSync(file, 'utf8')) as readonly string[];
const found = shortcomings(PACKAGES.map((name) => ({ name, entries: entriesOf(`packages/${name}`) })));
const added = found.filter((line) => !known.includes(line));
const gone = known.filter((line) => !found.includes(line));
if (process.argv.includes('--shrink'))
  writeFileSync(
    file,
    `${JSON.stringify(
      known.filter((line) => found.includes(line)),
      null,
      2,
    )}\n`,
  );
else if (gone.length > 0)
  console.error(
    `${gone.join('\n')}\nno longer so; run: node --conditions=@sekimori/source tools/docs/src/main.ts --shrink`,
  );
if (added.length > 0) console.error(`${added.join('\n')}\nwrite these in the doc comments`);
console.log(`${known.length - gone.length} shortcomings known, ${added.length} new`);
process.exitCode = added.length > 0 || (gone.length > 0 && !process.argv.includes('--shrink')) ? 1 : 0;
