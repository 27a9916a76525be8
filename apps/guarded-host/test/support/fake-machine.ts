import { utf8 } from '@sekimori/bytes';
import type { FileState, FileSystem, MachinePort, Ran } from '../../src/doctor/machine.ts';

/** A machine that is what a test says: files by path, what programs print, file systems by folder. */
export interface FakeMachine {
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  readonly states?: Readonly<Record<string, Partial<FileState>>>;
  /** By the whole command line, else by the program's name. */
  readonly programs?: Readonly<Record<string, Partial<Exclude<Ran, { missing: true }>>>>;
  readonly fileSystems?: Readonly<Record<string, Partial<FileSystem>>>;
}

export function fakeMachine(parts: FakeMachine): MachinePort {
  const { files = {}, states = {}, programs = {}, fileSystems = {} } = parts;
  const bytesOf = (content: string | Uint8Array) => (typeof content === 'string' ? utf8(content) : content);
  const read = (path: string) =>
    Object.hasOwn(files, path) ? { bytes: bytesOf(files[path]!) } : { code: 'ENOENT' as string };
  return {
    async readBytes(path) {
      return read(path);
    },
    async readText(path) {
      const found = read(path);
      return 'bytes' in found ? { text: Buffer.from(found.bytes).toString() } : found;
    },
    async names(folder) {
      const below = [...Object.keys(files), ...Object.keys(states)].filter((path) => path.startsWith(`${folder}/`));
      return [...new Set(below.map((path) => path.slice(folder.length + 1).split('/')[0]!))];
    },
    async stat(path) {
      const state = states[path];
      if (!state) return { code: 'ENOENT' };
      return { kind: 'file', mode: 0o600, uid: process.getuid?.() ?? 0, size: 1, ...state };
    },
    async fileSystem(path) {
      const plenty = { free: 1e12, total: 2e12, freeInodes: 1e9 };
      return { folder: path, magic: 0xef53, options: ['rw'], ...plenty, ...fileSystems[path] };
    },
    async run(program, args) {
      const said = programs[[program, ...args].join(' ')] ?? programs[program];
      return said ? { status: 0, stdout: '', stderr: '', ...said } : { missing: true };
    },
  };
}
