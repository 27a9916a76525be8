import { Type } from 'typebox';
import { route } from './route.ts';
import { strict } from './shared.ts';

/** `/healthz`: the process runs. `/readyz`: it can decide, and if not, why. Every service has both. */
export const healthRoutes = {
  healthz: route({
    operationId: 'healthz',
    method: 'GET',
    url: '/healthz',
    role: 'anyone',
    summary: 'The process runs',
    reply: strict({ ok: Type.Literal(true) }),
  }),
  readyz: route({
    operationId: 'readyz',
    method: 'GET',
    url: '/readyz',
    role: 'anyone',
    summary: 'The service can decide',
    reply: strict({ ready: Type.Literal(true) }),
  }),
} as const;
