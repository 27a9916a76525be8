import type { AnyRoute } from '@sekimori/protocol';
import { Compile } from 'typebox/compile';

/**
 * Writes a reply only when it is what the route's schema says: a field that nobody listed never leaves. Throws otherwise,
 * naming fields and no value.
 */
export function replyWriter(route: AnyRoute): (value: unknown) => string {
  const shape = Compile(route.reply);
  return (value) => {
    if (shape.Check(value)) return JSON.stringify(value);
    const [first] = shape.Errors(value);
    throw new Error(
      `the reply of ${route.operationId} is not what its schema says: ${first?.instancePath ?? ''} ${first?.message ?? ''}`,
    );
  };
}
