import { signRevocationStatement } from '@sekimori/health-certificate';
import type { AttestationDeps } from './deps.ts';

/** The signed, numbered statement of what is revoked, as of now. */
export const revocationStatement = (deps: AttestationDeps) => async (): Promise<string> => {
  const at = deps.clock.now();
  const { number, serials, hosts, denyIssuedBefore } = await deps.store.revocations(at);
  const statement = {
    issuer: deps.settings.serviceId,
    number,
    at,
    serials,
    hosts,
    ...(denyIssuedBefore ? { denyIssuedBefore } : {}),
  };
  return signRevocationStatement(deps.crypto, statement, deps.signer.key);
};
