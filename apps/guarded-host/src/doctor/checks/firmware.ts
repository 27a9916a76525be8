import { type Check, type DoctorDeps, failed, good, type Outcome } from '../check.ts';

const DESCRIPTORS = '/usr/share/qemu/firmware';

/** UEFI for guests: code, and variables that a new VM starts with. */
export const guestFirmwareCheck: Check = {
  id: 'guest-firmware',
  async run(deps) {
    const { secureBoot, plain } = deps.settings.vms.firmware;
    return [await lookAt(deps, 'secureBoot', secureBoot), await lookAt(deps, 'plain', plain)];
  },
};

async function lookAt(
  deps: DoctorDeps,
  kind: 'secureBoot' | 'plain',
  files: { readonly code: string; readonly variables: string },
): Promise<Outcome> {
  for (const path of [files.code, files.variables]) {
    const found = await deps.machine.readBytes(path); // follows links, which distributions have there
    if ('bytes' in found && found.bytes.length > 0) continue;
    const other = await described(deps, kind);
    const hint = other ? `, or set vms.firmware.${kind} to ${other}` : '';
    return failed(`there is no ${path}`, `install 'ovmf' (edk2-ovmf)${hint}`, kind);
  }
  return good(files.code, kind);
}

/** What a distribution says of its firmware: QEMU's docs/interop/firmware.json. */
async function described({ machine }: DoctorDeps, kind: 'secureBoot' | 'plain'): Promise<string | undefined> {
  for (const name of await machine.names(DESCRIPTORS)) {
    const read = await machine.readText(`${DESCRIPTORS}/${name}`);
    const text = 'text' in read ? read.text : '';
    if (!text.includes('"x86_64"') || text.includes('"enrolled-keys"') !== (kind === 'secureBoot')) continue;
    const code = /"executable"\s*:\s*\{[^}]*"filename"\s*:\s*"([^"]+)"/.exec(text)?.[1];
    const variables = /"nvram-template"\s*:\s*\{[^}]*"filename"\s*:\s*"([^"]+)"/.exec(text)?.[1];
    if (code !== undefined && variables !== undefined) return `${code} and ${variables}`;
  }
  return undefined;
}
