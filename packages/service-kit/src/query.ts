import type { TSchema } from 'typebox';

/**
 * A query is text; what its schema calls an integer or a boolean is read as one, in its one canonical spelling ('7', never
 * '07', '+7', '7.0' or '1'/'yes' for true). Everything else stays as it is, so that the schema refuses it.
 */
export function readQuery(schema: TSchema | undefined, query: unknown): Readonly<Record<string, unknown>> {
  const properties: Readonly<Record<string, { readonly type?: string }>> =
    Reflect.get(schema ?? {}, 'properties') ?? {};
  return Object.fromEntries(
    Object.entries(query as Readonly<Record<string, unknown>>).map(([name, value]) => [
      name,
      readCanonical(Object.hasOwn(properties, name) ? properties[name]?.type : undefined, value),
    ]),
  );
}

function readCanonical(type: string | undefined, value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (type === 'integer' && /^(0|-?[1-9][0-9]{0,15})$/.test(value)) {
    const integer = Number(value);
    return Number.isSafeInteger(integer) ? integer : value;
  }
  if (type === 'boolean' && (value === 'true' || value === 'false')) return value === 'true';
  return value;
}
