import { createRequire } from 'node:module';
import { runServiceProgram } from '@sekimori/service-kit';
import { AttestationConfig } from './config.ts';
import { startAttestationService } from './start.ts';

const { version } = createRequire(import.meta.url)('../package.json') as { readonly version: string };

process.exit(
  await runServiceProgram(
    {
      program: 'sekimori-attestation',
      version,
      about: 'The attestation service: enrols hosts, judges their boots, issues health certificates.',
      schema: AttestationConfig,
      prefix: 'SEKIMORI_ATTESTATION_',
      configFile: 'attestation/config.json',
      start: startAttestationService,
    },
    { args: process.argv.slice(2), env: process.env },
  ),
);
