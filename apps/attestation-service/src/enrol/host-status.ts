import type { HostStatus } from '@sekimori/protocol';
import { fail, type Fault, ok, type Result } from '@sekimori/result';
import type { AttestationDeps } from '../deps.ts';
import { hostStatus } from '../wire.ts';

/** A host asks how far its enrolment is; the identifier is random and told to the host alone. */
export const showHostStatus =
  ({ store }: AttestationDeps) =>
  async (id: string): Promise<Result<HostStatus, Fault<'unknown-host'>>> => {
    const host = await store.host(id);
    return host ? ok(hostStatus(host)) : fail('unknown-host', 'no host has this identifier');
  };
