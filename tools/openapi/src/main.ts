import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { documents } from './documents.ts';

// Writes docs/openapi from the route tables; with --check nothing is written, and a file that is not as it would be written fails.
const folder = new URL('../../../docs/openapi/', import.meta.url);
const check = process.argv.includes('--check');
mkdirSync(folder, { recursive: true });
for (const [name, text] of documents()) {
  const file = new URL(name, folder);
  if (!check) writeFileSync(file, text);
  else if (JSON.stringify(jsonIn(file)) !== JSON.stringify(JSON.parse(text))) {
    console.error(`docs/openapi/${name} is not what the route table says; run: npm run openapi`);
    process.exitCode = 1;
  }
}

/** Undefined where there is none. Layout is the formatter's business, so texts are not compared. */
function jsonIn(file: URL): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
