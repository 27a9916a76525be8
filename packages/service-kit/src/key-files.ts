import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type KeyFiles, type KeyName, parseKeyName } from '@sekimori/hsm';
import { codeOf, privateFolder, readPrivateFile, syncFolder, writePrivateFile } from './private-files.ts';

const SUFFIX = '.key';

/** The files of a software key store: `NAME.key` in a folder of its own. Rejects when file or folder is open to others. */
export async function fileKeyFiles(folder: string): Promise<KeyFiles> {
  const safe = await privateFolder(folder);
  if (!safe.ok) throw new Error(safe.fault.detail);
  const pathOf = (name: KeyName): string => join(folder, `${name}${SUFFIX}`); // a KeyName has no separator and no dot
  return {
    async read(name) {
      const content = await readPrivateFile(pathOf(name));
      if (content.ok) return content.value;
      if (content.fault.code === 'no-such-file') return undefined;
      throw new Error(content.fault.detail);
    },
    async writeNew(name, content) {
      return (await writePrivateFile(pathOf(name), content)).ok;
    },
    async list() {
      const names = (await readdir(folder)).filter((file) => file.endsWith(SUFFIX));
      return names.flatMap((file) => {
        const name = parseKeyName(file.slice(0, -SUFFIX.length));
        return name.ok ? [name.value] : [];
      });
    },
    async remove(name) {
      try {
        await unlink(pathOf(name));
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return false;
        throw error;
      }
      await syncFolder(folder);
      return true;
    },
  };
}
