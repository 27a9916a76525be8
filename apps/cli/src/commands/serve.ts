import { ok, type Result } from '@sekimori/result';
import { createLogger, EXIT, runService, type StartFault, systemClock } from '@sekimori/service-kit';
import { terminalJson } from '@sekimori/service-kit/program';
import type { Context } from '../outcome.ts';
import { fields } from '../output/text.ts';
import { PROGRAM, STATUS } from '../run.ts';
import { startServe } from '../serve/start-serve.ts';

export interface ServeArguments {
  readonly logLevel?: string;
  readonly attestationPort?: number;
  readonly keyProtectionPort?: number;
}

/** Runs until told to stop. */
export async function serve({ data, io, json }: Context, options: ServeArguments): Promise<number> {
  const { logLevel = io.env['SEKIMORI_LOG_LEVEL'], attestationPort, keyProtectionPort } = options;
  const logger = createLogger({ service: PROGRAM, level: logLevel });
  const status = await runService(
    { program: PROGRAM, logger },
    async ({ onStop }): Promise<Result<void, StartFault>> => {
      const started = await startServe({
        data,
        logger,
        clock: systemClock,
        env: io.env,
        ports: {
          ...(attestationPort === undefined ? {} : { attestation: attestationPort }),
          ...(keyProtectionPort === undefined ? {} : { keyProtection: keyProtectionPort }),
        },
      });
      if (!started.ok) return started;
      const { attestationUrl, keyProtectionUrl, caFile, close } = started.value;
      onStop('services', close);
      const text = fields([
        ['Attestation', attestationUrl],
        ['Key protection', keyProtectionUrl],
        ['CA', caFile],
      ]);
      io.write(`${json ? terminalJson({ attestationUrl, keyProtectionUrl, caFile }) : text}\n`);
      if (!json) io.tell(`Ctrl-C stops it. In another terminal: sekimori status --data ${data}\n`);
      return ok(undefined);
    },
  );
  return status === EXIT.refused ? STATUS.failed : status;
}
