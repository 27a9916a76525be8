import { describe, expect, it } from 'vitest';
import {
  type AnyRoute,
  attestationRoutes,
  FAULTS,
  faultInfo,
  healthRoutes,
  keyProtectionRoutes,
  ROLES,
} from '../src/index.ts';

const tables: Readonly<Record<string, Readonly<Record<string, AnyRoute>>>> = {
  attestation: { ...attestationRoutes, ...healthRoutes },
  'key protection': { ...keyProtectionRoutes, ...healthRoutes },
};

describe.each(Object.entries(tables))('routes of %s', (_, table) => {
  const routes = Object.entries(table);
  it.each(routes)('%s has its name, a role, and a bound on its body', (name, definition) => {
    expect(definition.operationId).toBe(name);
    expect(ROLES).toContain(definition.role);
    if (definition.body) expect(definition.bodyLimit).toBeGreaterThan(0);
    if (definition.url.includes(':')) expect(definition.params).toBeDefined();
  });
  it.each(routes)('%s refuses unknown fields', (_name, definition) => {
    for (const schema of [definition.params, definition.query, definition.body, definition.reply])
      if (schema) expect(schema).toMatchObject({ type: 'object', additionalProperties: false });
  });
  it('has no address twice', () => {
    const addresses = routes.map(([, { method, url }]) => `${method} ${url}`);
    expect(new Set(addresses).size).toBe(addresses.length);
  });
});

it('what anyone may call is a closed list', () => {
  const open = Object.values(tables).flatMap((table) => Object.values(table).filter(({ role }) => role === 'anyone'));
  expect(new Set(open.map(({ operationId }) => operationId))).toEqual(
    new Set(
      'healthz readyz enrolHost hostStatus openActivation completeActivation challenge attest signers revocations guardian'.split(
        ' ',
      ),
    ),
  );
});

it('takes a code that nobody listed for an internal error', () => {
  expect(faultInfo('challenge-used')).toMatchObject({ code: 'challenge-used', status: 403 });
  for (const code of ['no such code', 'toString', '__proto__'])
    expect(faultInfo(code)).toMatchObject({ code: 'internal', status: 500 });
  for (const [, { status }] of Object.entries(FAULTS)) expect(status).toBeGreaterThanOrEqual(400);
});
