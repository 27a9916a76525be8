// A service with one slow route, run by service.test.ts: `slow-service.ts MODE`.
import { setTimeout as sleep } from 'node:timers/promises';
import { ok } from '@sekimori/result';
import { route } from '@sekimori/protocol';
import { Type } from 'typebox';
import { createLogger, createServer, runService } from '../../src/index.ts';

const mode = process.argv[2];
const logger = createLogger({ service: 'slow', level: 'info' });
const routes = {
  slow: route({
    operationId: 'slow',
    method: 'GET',
    url: '/v1/slow',
    role: 'anyone',
    summary: 'Slow',
    reply: Type.Object({ done: Type.Boolean() }, { additionalProperties: false }),
  }),
} as const;

process.exit(
  await runService({ program: 'slow', logger, stopSeconds: mode === 'stuck' ? 0.2 : 10 }, async (service) => {
    if (mode === 'refused')
      return { ok: false, fault: { code: 'config-invalid', detail: 'the port is missing', hint: 'set listen.port' } };
    if (mode === 'failing') throw new Error('the disk is full');
    service.onStop('first', async () => void process.stdout.write('closed first\n'));
    if (mode === 'stuck') service.onStop('stuck', () => new Promise(() => undefined));
    const server = createServer({
      routes,
      handlers: {
        slow: async () => {
          process.stdout.write('inside\n');
          await sleep(500);
          return ok({ done: true });
        },
      },
      authenticate: () => undefined,
      tls: { insecurePlainHttp: true },
      logger,
      ready: () => undefined,
      version: '0',
    });
    const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
    service.onStop('server', async () => {
      await server.close();
      process.stdout.write('closed server\n');
    });
    process.stdout.write(`${url}\n`);
    if (mode === 'uncaught') setTimeout(() => void Promise.reject(new Error('nobody caught me')), 1);
    return ok(undefined);
  }),
);
