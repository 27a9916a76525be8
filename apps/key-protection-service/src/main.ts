import { createRequire } from 'node:module';
import { ok } from '@sekimori/result';
import { createLogger, loadConfig, runService, systemClock } from '@sekimori/service-kit';
import { KeyProtectionConfig, UNSAFE_SETTINGS } from './config.ts';
import { startKeyProtectionService } from './start.ts';

const HELP = `Usage: sekimori-kps --config FILE

The key protection service: opens and rolls key protectors for attested hosts.

  --config FILE   the configuration (JSON); 'sekimori init' writes one
  --help          this text
  --version       the version

Each setting can be overridden by a variable: SEKIMORI_KPS_LISTEN_PORT is listen.port.
SEKIMORI_LOG_LEVEL: debug, info, warn, error or silent. Logs are JSON lines on stderr.

Example:
  sekimori init --data ./hgs
  sekimori-kps --config ./hgs/key-protection/config.json
`;

const program = 'sekimori-kps';
const { version } = createRequire(import.meta.url)('../package.json') as { version: string };
const args = process.argv.slice(2);
if (args.includes('--help') || args.length === 0) {
  process.stdout.write(HELP);
  process.exit(args.length === 0 ? 2 : 0);
}
if (args.includes('--version')) {
  process.stdout.write(`${version}\n`);
  process.exit(0);
}
if (args.length !== 2 || args[0] !== '--config') {
  process.stderr.write(`${program}: error: one --config FILE is needed\n${program}: hint: see '${program} --help'\n`);
  process.exit(2);
}
const file = args[1];
const logger = createLogger({ service: program, level: process.env['SEKIMORI_LOG_LEVEL'] });

process.exit(
  await runService({ program, logger }, async ({ onStop }) => {
    const loaded = await loadConfig(KeyProtectionConfig, {
      file,
      env: process.env,
      prefix: 'SEKIMORI_KPS_',
      unsafe: UNSAFE_SETTINGS,
    });
    if (!loaded.ok) return loaded;
    const started = await startKeyProtectionService(loaded.value, { logger, clock: systemClock, version });
    if (!started.ok) return started;
    onStop('key protection service', started.value.close);
    return ok(undefined);
  }),
);
