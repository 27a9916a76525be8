import type { Result } from '@sekimori/result';
import type { StartFault } from '@sekimori/service-kit/program';
import type { HostSettings } from '../../config.ts';
import { type ConnectedHost, connectHost } from '../../connect.ts';
import type { HostFault } from '../../faults.ts';

/** The ports of this host for the time of `work`. */
export async function withHost<T>(
  settings: HostSettings,
  work: (host: ConnectedHost) => Promise<Result<T, HostFault | StartFault>>,
): Promise<Result<T, HostFault | StartFault>> {
  const host = await connectHost(settings);
  if (!host.ok) return host;
  try {
    return await work(host.value);
  } finally {
    await host.value.close();
  }
}
