import { isIP } from 'node:net';
import { ok, type Result } from '@sekimori/result';
import { type CommandFault, wrongUsage } from './command.ts';

/** Where a TPM answers: a device of Linux, or the commands' socket of a swtpm, UNIX or TCP. */
export type TpmAddress =
  | { readonly kind: 'device'; readonly path: string }
  | { readonly kind: 'swtpm'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** The kernel's resource manager, which many programs share. */
export const DEFAULT_TPM: TpmAddress = { kind: 'device', path: '/dev/tpmrm0' };

/** `--device` or `--swtpm`, else `otherwise`. `usage`: both, or an address that is none. */
export function addressFrom(
  { device, swtpm }: Readonly<Record<string, unknown>>,
  otherwise: TpmAddress,
): Result<TpmAddress, CommandFault> {
  if (typeof device === 'string' && typeof swtpm === 'string')
    return wrongUsage('--device and --swtpm name two TPMs', 'give one of them');
  if (typeof device === 'string')
    return device === ''
      ? wrongUsage('--device names no file', 'such as --device /dev/tpmrm0')
      : ok({ kind: 'device', path: device });
  if (typeof swtpm !== 'string') return ok(otherwise);
  const tcp = /^(?:\[([0-9A-Fa-f:.]+)\]|([^/:]+)):(\d{1,5})$/.exec(swtpm);
  const port = Number(tcp?.[3]);
  if (tcp && port >= 1 && port <= 65_535) return ok({ kind: 'tcp', host: (tcp[1] ?? tcp[2])!, port });
  if (isIP(swtpm.replaceAll(/^\[|\]$/g, '')) !== 0 || swtpm === 'localhost')
    return wrongUsage(`--swtpm names an address without a port: '${swtpm}'`, 'such as --swtpm 127.0.0.1:2321');
  if (swtpm === '' || tcp || /^[^/]*:\d*$/.test(swtpm))
    return wrongUsage(
      `--swtpm names no socket: '${swtpm}'`,
      'such as --swtpm 127.0.0.1:2321 or --swtpm /run/swtpm/sock',
    );
  return ok({ kind: 'swtpm', path: swtpm });
}

export function placeOf(address: TpmAddress): string {
  return address.kind === 'tcp' ? `${address.host}:${address.port}` : address.path;
}
