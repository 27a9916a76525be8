// Makes a library or an app: node tools/new-package/new-package.mjs packages/NAME LAYER "What it is." [dependency …]
// Example: node tools/new-package/new-package.mjs packages/event-log format "TCG event logs." result bytes codec
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const [folder, layer, description, ...dependencies] = process.argv.slice(2);
if (!folder || !layer || !description) {
  console.error('usage: node tools/new-package/new-package.mjs packages/NAME LAYER "What it is." [dependency …]');
  process.exit(2);
}
if (existsSync(join(folder, 'package.json'))) {
  console.error(`${folder} is there already`);
  process.exit(2);
}
const name = `@sekimori/${basename(folder)}`;
const published = folder.startsWith('packages/') && layer !== 'test';
const entry = { types: './dist/index.d.ts', default: './dist/index.js' };
const manifest = {
  name,
  version: '0.1.0',
  description,
  type: 'module',
  license: 'Apache-2.0',
  ...(published ? {} : { private: true }),
  engines: { node: '>=22.12' },
  sideEffects: false,
  files: ['dist', 'src', '!dist/*.tsbuildinfo'],
  exports: { '.': { '@sekimori/source': './src/index.ts', ...entry }, './package.json': './package.json' },
  publishConfig: { access: 'public', exports: { '.': entry, './package.json': './package.json' } },
  nx: {
    tags: [`layer:${layer}`, ...(['adapter', 'app', 'test'].includes(layer) ? ['node'] : [])],
    targets: { build: {}, typecheck: {}, test: {} },
  },
  dependencies: Object.fromEntries(
    dependencies.map((dependency) =>
      dependency.startsWith('npm:') ? [dependency.slice(4), 'catalog:'] : [`@sekimori/${dependency}`, 'workspace:^'],
    ),
  ),
};
mkdirSync(join(folder, 'src'), { recursive: true });
mkdirSync(join(folder, 'test'), { recursive: true });
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
writeFileSync(join(folder, 'README.md'), `# ${name}\n\n${description}\n`);
if (!existsSync(join(folder, 'src/index.ts'))) writeFileSync(join(folder, 'src/index.ts'), 'export {};\n');
console.error(`made ${folder}; now run: npm run setup && npm run sync`);
