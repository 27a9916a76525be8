import { type AnyRoute, FAULTS, healthRoutes, problemSchema, type Role } from '@sekimori/protocol';
import type { RouteTable } from './routes.ts';

/** An OpenAPI 3.1 document of a route table and the health routes: plain JSON, the same for the same table. */
export function openApiOf(
  routes: RouteTable,
  info: { readonly title: string; readonly version: string; readonly description?: string },
): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of Object.values({ ...routes, ...healthRoutes })) {
    const path = route.url.replaceAll(/:([A-Za-z]+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  const { $id: _id, ...problem } = problemSchema as typeof problemSchema & { $id?: string };
  return plain({
    openapi: '3.1.0',
    info: { license: { name: 'Apache-2.0', identifier: 'Apache-2.0' }, ...info },
    paths,
    components: {
      schemas: {
        Problem: {
          ...problem,
          properties: { ...problem.properties, code: { ...problem.properties.code, enum: Object.keys(FAULTS) } },
        },
      },
      responses: {
        Problem: {
          description: 'Refused; `code` says why and is stable',
          headers: { 'x-trace-id': { schema: { type: 'string' }, description: 'the trace id of the problem' } },
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
      securitySchemes: {
        administrator: { type: 'http', scheme: 'bearer', description: 'The token of an administrator' },
        'guarded-host': { type: 'mutualTLS', description: 'The TLS client key that the health certificate names' },
      },
    },
  }) as Readonly<Record<string, unknown>>;
}

function operationOf(route: AnyRoute): object {
  return {
    operationId: route.operationId,
    summary: route.summary,
    security: SECURITY[route.role],
    ...(route.params || route.query
      ? { parameters: [...parametersOf('path', route.params), ...parametersOf('query', route.query)] }
      : {}),
    ...(route.body
      ? {
          requestBody: { required: true, content: { 'application/json': { schema: route.body } } },
          'x-max-body-bytes': route.bodyLimit,
        }
      : {}),
    responses: {
      200: { description: route.summary, content: { 'application/json': { schema: route.reply } } },
      default: { $ref: '#/components/responses/Problem' },
    },
  };
}

const SECURITY: Readonly<Record<Role, readonly object[]>> = {
  anyone: [],
  administrator: [{ administrator: [] }],
  'guarded-host': [{ 'guarded-host': [] }],
};

function parametersOf(place: 'path' | 'query', schema: AnyRoute['params']): readonly object[] {
  const { properties = {}, required = [] } = (schema ?? {}) as {
    readonly properties?: Readonly<Record<string, object>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, shape]) => ({
    name,
    in: place,
    required: required.includes(name),
    schema: shape,
  }));
}

/** JSON without the symbols and hidden fields of the schema library. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
