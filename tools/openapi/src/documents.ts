import { attestationRoutes, keyProtectionRoutes } from '@sekimori/protocol';
import { openApiOf } from '@sekimori/service-kit';

/** The major version of the API, as its paths have it; the packages' versions move without it. */
const VERSION = '1';

/** What stands in docs/openapi: file name to text. */
export function documents(): ReadonlyMap<string, string> {
  const attestation = openApiOf(attestationRoutes, {
    title: 'Sekimori attestation service',
    version: VERSION,
    description:
      'Enrolment of hosts, challenges, attestation, revocations, administration. RATS (RFC 9334): the Verifier.',
  });
  const keyProtection = openApiOf(keyProtectionRoutes, {
    title: 'Sekimori key protection service',
    version: VERSION,
    description: "Releases and rolls virtual machines' keys to healthy hosts. RATS (RFC 9334): a Relying Party.",
  });
  return new Map([
    ['attestation.json', textOf(attestation)],
    ['key-protection.json', textOf(keyProtection)],
  ]);
}

function textOf(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}
