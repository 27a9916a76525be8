import { gzipSync } from 'node:zlib';
import { build } from 'vite';

export interface Bundle {
  /** Minified, one ES module. */
  readonly code: string;
  /** Bytes of the code after gzip at its best. */
  readonly gzip: number;
  /** Paths of the files that something is left of. */
  readonly modules: readonly string[];
  /** Of Node's own modules, in any file that was read: `node:crypto` … */
  readonly nodeImports: readonly string[];
}

const ENTRY = 'sekimori:entry';

/** What a page would load: source text and all it imports, made into one file for browsers, in memory. */
export async function bundle(source: string): Promise<Bundle> {
  const nodeImports = new Set<string>();
  const built = await build({
    root: import.meta.dirname,
    configFile: false,
    logLevel: 'silent',
    resolve: { conditions: ['@sekimori/source', 'module', 'browser', 'production'] },
    plugins: [
      {
        name: 'sekimori-entry',
        enforce: 'pre',
        resolveId: (id) => {
          if (id === ENTRY) return `${import.meta.dirname}/entry.js`;
          if (!id.startsWith('node:')) return null;
          // vite would put an empty module in its place, and say nothing
          nodeImports.add(id);
          return { id, external: true };
        },
        load: (id) => (id === `${import.meta.dirname}/entry.js` ? source : null),
      },
    ],
    build: {
      write: false,
      minify: true,
      target: 'es2024',
      rolldownOptions: { input: ENTRY, preserveEntrySignatures: 'strict' },
    },
  });
  const files = [built].flat().flatMap((each) => ('output' in each ? each.output : []));
  const [chunk, ...others] = files.filter((file) => file.type === 'chunk');
  if (!chunk || others.length > 0) throw new Error(`${files.length} files were built, not one`);
  return {
    code: chunk.code,
    gzip: gzipSync(chunk.code, { level: 9 }).length,
    modules: Object.entries(chunk.modules).flatMap(([path, { renderedLength }]) => (renderedLength > 0 ? path : [])),
    nodeImports: [...nodeImports],
  };
}
