/** What checks look at: files of this machine, its programs, its file systems. */
export interface MachinePort {
  /** At most 1 MiB; why it cannot be read is one of Node's codes, such as ENOENT and EACCES. */
  readText(path: string): Promise<{ readonly text: string } | { readonly code: string }>;
  readBytes(path: string): Promise<{ readonly bytes: Uint8Array } | { readonly code: string }>;
  /** Names in a folder; none where it cannot be read. */
  names(folder: string): Promise<readonly string[]>;
  /** Of the thing itself, also where it is a link. */
  stat(path: string): Promise<FileState | { readonly code: string }>;
  /** Of the file system that it is on, or will be: the nearest folder above that is there. */
  fileSystem(path: string): Promise<FileSystem>;
  /** `status` is undefined where the time was over or the wanted words came; `missing` where it is not installed. */
  run(program: string, args: readonly string[], options?: RunOptions): Promise<Ran>;
}

export interface FileState {
  readonly kind: 'file' | 'folder' | 'device' | 'other';
  readonly mode: number;
  readonly uid: number;
  readonly size: number;
}

export interface FileSystem {
  /** The folder that was found there. */
  readonly folder: string;
  /** Magic number of statfs(2). */
  readonly magic: number;
  /** Bytes. */
  readonly free: number;
  readonly total: number;
  readonly freeInodes: number;
  /** Of its mount, as in proc(5), mountinfo. */
  readonly options: readonly string[];
}

export interface RunOptions {
  readonly timeoutMillis?: number;
  /** The program is ended once it has said these words. */
  readonly until?: RegExp;
}

export type Ran =
  | { readonly missing: true }
  | {
      readonly missing?: never;
      readonly status: number | undefined;
      readonly stdout: string;
      readonly stderr: string;
    };
