import { parseArgs } from 'node:util';
import { bench, caseNames } from './bench.ts';
import { heading, tableRow } from './table.ts';

const HELP = `Usage: npm run bench -- [options]

Measures what this code adds to the cryptography that it cannot do without: a table on stdout. Under a minute.

  --only TEXT   only the cases whose name contains TEXT
  --json        one array of rows instead of a table
  --help

Cases: ${caseNames().join('; ')}

Example: npm run bench -- --only attest

Exit status: 0 measured, 2 wrong arguments.
`;

const effort = { millis: 5000, batchMillis: 2, rounds: 5 };
const asked = argumentsOrTrouble();
if (typeof asked === 'string') {
  process.stderr.write(`bench: error: ${asked}\nbench: hint: npm run bench -- --help\n`);
  process.exitCode = 2;
} else if (asked.help) process.stdout.write(HELP);
else if (asked.json) console.log(JSON.stringify(await bench(effort, undefined, asked.names), null, 2));
else {
  console.log(heading());
  await bench(effort, (row) => console.log(tableRow(row)), asked.names);
}

function argumentsOrTrouble() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', default: '' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const names = caseNames(values.only);
    return names.length > 0 ? { ...values, names } : `no case has '${values.only}' in its name`;
  } catch (error) {
    return (error as Error).message;
  }
}
