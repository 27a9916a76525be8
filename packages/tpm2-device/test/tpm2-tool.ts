import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs a command line of tpm2-tools in `cwd` against the TPM of a TCTI, and gives its output. Rejects where it fails or hangs. */
export async function tpm2Tool(
  { cwd, tcti }: { readonly cwd: string; readonly tcti: string },
  line: string,
  input: Uint8Array = new Uint8Array(0),
): Promise<Buffer> {
  const [program, ...args] = line.split(' ') as [string, ...string[]];
  const env = { ...process.env, TPM2TOOLS_TCTI: tcti };
  const running = run(program, args, { cwd, env, encoding: 'buffer', timeout: 20_000 });
  running.child.stdin?.on('error', () => {}); // a program that reads no input may be gone before it comes
  running.child.stdin?.end(input);
  return (await running).stdout;
}
