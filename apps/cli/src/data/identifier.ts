const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The identifier that an argument is, if it has the form of one. It is then never taken for a name, whatever is called so. */
export function identifierIn(argument: string): string | undefined {
  return UUID.test(argument) ? argument.toLowerCase() : undefined;
}
