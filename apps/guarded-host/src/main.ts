import { run } from './program/program.ts';

process.exitCode = await run(process.argv.slice(2), process.env);
