// Writes what follows from each project's package.json: its three tsconfig files and the root tsconfig.json.
// `--check` writes nothing and fails when a file is not as it would be written.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const check = process.argv.includes('--check');
const groups = ['packages', 'apps', 'tools', 'examples'];
const projects = groups.flatMap((group) =>
  readdirSync(group)
    .map((name) => join(group, name))
    .filter((folder) => existsSync(join(folder, 'package.json')) && existsSync(join(folder, 'src')))
    .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) })),
);
const folderOf = new Map(projects.map(({ folder, manifest }) => [manifest.name, folder]));
const stale = [];

for (const { folder, manifest } of projects) {
  const referencesTo = (...lists) =>
    [...new Set(lists.flatMap((list) => Object.keys(list ?? {})))]
      .filter((name) => folderOf.has(name) && name !== manifest.name)
      .toSorted()
      .map((name) => ({ path: join(relative(folder, folderOf.get(name)), 'tsconfig.lib.json') }));
  const node = manifest.nx?.tags?.includes('node') ? ['node'] : [];
  put(join(folder, 'tsconfig.json'), {
    files: [],
    references: [{ path: './tsconfig.lib.json' }, { path: './tsconfig.test.json' }],
  });
  put(join(folder, 'tsconfig.lib.json'), {
    extends: '../../tsconfig.base.json',
    compilerOptions: { rootDir: 'src', outDir: 'dist', tsBuildInfoFile: 'dist/.tsbuildinfo', types: node },
    include: ['src'],
    references: referencesTo(manifest.dependencies, manifest.optionalDependencies),
  });
  put(join(folder, 'tsconfig.test.json'), {
    extends: '../../tsconfig.base.json',
    compilerOptions: {
      rootDir: '.',
      noEmit: true,
      tsBuildInfoFile: 'dist/.test.tsbuildinfo',
      composite: false,
      declaration: false,
      declarationMap: false,
      rewriteRelativeImportExtensions: false,
      allowImportingTsExtensions: true,
      types: ['node'],
    },
    include: ['test', 'fuzz'],
    references: [
      { path: './tsconfig.lib.json' },
      ...referencesTo(manifest.dependencies, manifest.optionalDependencies, manifest.devDependencies),
    ],
  });
}
put('tsconfig.json', { files: [], references: projects.map(({ folder }) => ({ path: folder })) });
for (const file of stale) console.error(`${file} is not what package.json says; run: npm run sync`);
process.exitCode = stale.length ? 1 : 0;

function put(file, value) {
  const text = `${JSON.stringify(value, null, 2)}\n`;
  const old = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (old && JSON.stringify(JSON.parse(old)) === JSON.stringify(value)) return;
  if (check) stale.push(file);
  else writeFileSync(file, text);
}
