import { spawn } from 'node:child_process';

/** Arguments of node. */
export const PROGRAM = [
  '--conditions=@sekimori/source',
  new URL('../bin/guarded-fabric.js', import.meta.url).pathname,
] as const;

/** The one that needs QEMU. */
export const VM_CHAPTER = '4  A virtual machine with an encrypted disk';

/** The faults of the story without it, in order. */
export const REFUSALS: readonly string[] = [
  'host-not-approved',
  'fingerprint-mismatch',
  'policy-denied/SecureBootSettings',
  'policy-denied/CodeIntegrityPolicy',
  'policy-denied/CodeIntegrityPolicy',
  'unknown-host',
  'evidence-refused/quote-signature',
  'duplicate-ek',
  'evidence-refused/quote-signature',
  'challenge-used',
  'protector-refused/protector-guardian-signature',
  'health-certificate-refused/certificate-expired',
  'health-certificate-refused/certificate-revoked',
  'host-revoked',
];

/** The document of `--json`. */
export interface Report {
  readonly tpm: string;
  readonly steps: readonly {
    readonly name: string;
    readonly ok: boolean;
    readonly fault?: string;
    readonly millis: number;
    readonly phases?: readonly { readonly phase: string; readonly millis: number }[];
  }[];
  readonly leftOut: readonly { readonly chapter: string; readonly why: string }[];
}

export function play(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ readonly status: number | null; readonly report: Report; readonly talk: string }> {
  const child = spawn(process.execPath, [...PROGRAM, '--once', '--json', ...args], { env });
  let [output, talk] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (talk += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => {
      const report = JSON.parse(output || '{"tpm":"","steps":[],"leftOut":[]}') as Report;
      resolve({ status, report, talk });
    });
  });
}
