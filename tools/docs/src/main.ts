import { entriesOf, PACKAGES, shortcomings } from './public-symbols.ts';

// Public symbols and their comments: what is missing there fails.
const found = shortcomings(PACKAGES.map((name) => ({ name, entries: entriesOf(`packages/${name}`) })));
if (found.length > 0) console.error(`${found.join('\n')}\nwrite these in the doc comments`);
process.exitCode = found.length > 0 ? 1 : 0;
