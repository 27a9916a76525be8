import { attestationRoutes, healthRoutes, keyProtectionRoutes } from '@sekimori/protocol';
import { expect, it } from 'vitest';
import { documents } from '../src/documents.ts';

it.each([
  ['openapi/attestation.json', attestationRoutes],
  ['openapi/key-protection.json', keyProtectionRoutes],
] as const)('%s has every route of its table once, and those of health', (name, routes) => {
  const { paths } = JSON.parse(documents().get(name) ?? '') as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId: string }>>>>;
  };
  const documented = Object.values(paths).flatMap((methods) => Object.values(methods).map((each) => each.operationId));
  const expected: string[] = Object.values({ ...routes, ...healthRoutes }).map((route) => route.operationId);
  expect(documented.toSorted()).toEqual(expected.toSorted());
});
