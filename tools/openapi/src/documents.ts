import { VmDefinition } from '@sekimori/guarded-host/vm-definition';
import { attestationRoutes, keyProtectionRoutes } from '@sekimori/protocol';
import { openApiOf } from '@sekimori/service-kit';

/** The major version of the API, as its paths have it; the packages' versions move without it. */
const VERSION = '1';

/** What follows from route tables and schemas, below docs: file to text. */
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
    ['openapi/attestation.json', textOf(attestation)],
    ['openapi/key-protection.json', textOf(keyProtection)],
    [
      'schema/vm-definition.schema.json',
      textOf({ $schema: 'https://json-schema.org/draft/2020-12/schema', ...VmDefinition }),
    ],
  ]);
}

function textOf(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}
