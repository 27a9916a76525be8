/** `AA:BB …` or plain, in any case, as programs print fingerprints: lower-case hex without anything between. */
export function bareHex(text: string): string {
  return text.replaceAll(/[\s:]/g, '').toLowerCase();
}
