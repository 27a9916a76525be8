import { parseArgs } from 'node:util';
import { type VmEffort, vmBench } from './bench.ts';
import { machineReport } from './machine.ts';
import { heading, type Row, tableRow } from './row.ts';

// npm run bench:vm: a Markdown table on stdout, or with --json one document { machine, rows, leftOut }. Some minutes.
const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const effort: VmEffort = { starts: 20, diskRuns: 7, diskMib: 256, vms: 6, rounds: 5, settleMillis: 2000 };
const machine = machineReport();
const rows: Row[] = [];
const leftOut: { readonly name: string; readonly why: string }[] = [];
if (!values.json) {
  const { cpu, cpus, memoryGib, kernel, node, qemu, swtpm, load, at } = machine;
  console.log(
    `${at}: ${cpus} x ${cpu}, ${memoryGib} GiB, Linux ${kernel}, Node ${node}, QEMU ${qemu} (tcg), swtpm ${swtpm}; load ${load}\n`,
  );
  console.log(heading());
}
await vmBench(effort, {
  row: (row) => {
    rows.push(row);
    if (!values.json) console.log(tableRow(row));
  },
  leftOut: (cases, why) => {
    leftOut.push(...cases.map(({ name }) => ({ name, why })));
    process.stderr.write(`left out: ${cases.map(({ name }) => name).join('; ')}: ${why}\n`);
  },
});
if (values.json) console.log(JSON.stringify({ machine, rows, leftOut }, null, 2));
