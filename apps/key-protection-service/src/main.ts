import { createRequire } from 'node:module';
import { runServiceProgram } from '@sekimori/service-kit';
import { KeyProtectionConfig, UNSAFE_SETTINGS } from './config.ts';
import { startKeyProtectionService } from './start.ts';

const { version } = createRequire(import.meta.url)('../package.json') as { readonly version: string };

process.exit(
  await runServiceProgram(
    {
      program: 'sekimori-kps',
      version,
      about: 'The key protection service: opens and rolls key protectors for attested hosts.',
      schema: KeyProtectionConfig,
      prefix: 'SEKIMORI_KPS_',
      unsafe: UNSAFE_SETTINGS,
      configFile: 'key-protection/config.json',
      start: startKeyProtectionService,
    },
    { args: process.argv.slice(2), env: process.env },
  ),
);
