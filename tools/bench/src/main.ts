import { parseArgs } from 'node:util';
import { bench } from './bench.ts';
import { heading, tableRow } from './table.ts';

// npm run bench: a table on stdout, or with --json one array of rows. Under a minute.
const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const effort = { millis: 5000, batchMillis: 2, rounds: 5 };
if (values.json) console.log(JSON.stringify(await bench(effort), null, 2));
else {
  console.log(heading());
  await bench(effort, (row) => console.log(tableRow(row)));
}
