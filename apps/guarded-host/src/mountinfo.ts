/** One mount of /proc/PID/mountinfo: proc(5). */
export interface Mount {
  /** major:minor */
  readonly device: string;
  /** What of the file system is mounted: '/' is the whole. */
  readonly top: string;
  readonly folder: string;
  readonly type: string;
  /** Its own, then those of the super block. */
  readonly options: readonly string[];
}

/** In the order of the file; lines that are none are left out. */
export function parseMountinfo(text: string): readonly Mount[] {
  return text.split('\n').flatMap((line) => {
    const [mount = '', source = ''] = line.split(' - ');
    const [, , device, top, folder, own = ''] = mount.split(' ');
    const [type = '', , ofSuperBlock = ''] = source.split(' ');
    if (device === undefined || top === undefined || folder === undefined || folder === '') return [];
    const options = [...own.split(','), ...ofSuperBlock.split(',')];
    return [{ device, top, folder: withoutEscapes(folder), type, options }];
  });
}

/** A space stands there as '\040'. */
function withoutEscapes(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
