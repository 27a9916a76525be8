import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { documents } from './documents.ts';

// Writes docs/openapi and docs/schema from route tables and schemas; with --check nothing is written, and a file that is not as it would be
// written fails.
const folder = new URL('../../../docs/', import.meta.url);
const check = process.argv.includes('--check');
for (const [name, text] of documents()) {
  const file = new URL(name, folder);
  if (!check) {
    mkdirSync(new URL('.', file), { recursive: true });
    writeFileSync(file, text);
  } else if (JSON.stringify(jsonIn(file)) !== JSON.stringify(JSON.parse(text))) {
    console.error(`docs/${name} is not what the sources say; run: npm run openapi`);
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
