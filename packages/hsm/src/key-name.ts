import { type Fault, type Result, fail, ok } from '@sekimori/result';

declare const keyName: unique symbol;
/** A key's name within its store: safe as a file name, as a PKCS#11 label and in a log. Made by `parseKeyName` only. */
export type KeyName = string & { readonly [keyName]: true };

/** Lower-case letters, digits and single hyphens, 1 to 63 characters, a letter first. */
export function parseKeyName(text: string): Result<KeyName, Fault<'key-name'>> {
  if (text.length > 63 || !/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(text))
    return fail('key-name', 'a key name is 1 to 63 lower-case letters, digits and single hyphens, a letter first');
  return ok(text as KeyName);
}
