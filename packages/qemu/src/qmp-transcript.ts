import type { QmpMessage } from './qmp-message.ts';

/** What may stand in a transcript: names, states and switches. Anything else may be a secret, or the guest's. */
const SHOWN = new Set(['id', 'qom-type', 'driver', 'node-name', 'fdset-id', 'enable', 'guest', 'reason', 'action']);
const REDACTED = '[redacted]';
/** Shorter ones are in every other word, and no secret. */
const MIN_HIDDEN = 4;

export type Arguments = Readonly<Record<string, unknown>>;

/** One line for a command, the values of its arguments left out where they are not known to be harmless. */
export function sentLine(id: number, command: string, args: Arguments): string {
  return `> ${JSON.stringify({ id, execute: command, arguments: shown(args) })}`;
}

/** One line for what came, without the values of answers. */
export function receivedLine(message: QmpMessage): string {
  if (message.type === 'greeting') return `< QEMU ${message.version}`;
  if (message.type === 'return') return `< ${JSON.stringify({ id: message.id, return: REDACTED })}`;
  if (message.type === 'error') return `< ${JSON.stringify({ id: message.id, error: message.class })}`;
  return `< ${JSON.stringify({ event: message.event.name, data: shown(message.event.data) })}`;
}

function shown(fields: Arguments): Arguments {
  const entries = Object.entries(fields).map(([name, value]) => [name, SHOWN.has(name) ? value : REDACTED] as const);
  return Object.fromEntries(entries);
}

/** QEMU quotes what it does not like, also a secret: a description is good for people only without the values sent. */
export function withoutValues(description: string, args: Arguments): string {
  let text = description;
  for (const value of hiddenTexts(args)) text = text.replaceAll(value, REDACTED);
  return text;
}

function hiddenTexts(value: unknown, name = ''): readonly string[] {
  if (typeof value === 'string') return value.length < MIN_HIDDEN || SHOWN.has(name) ? [] : [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => hiddenTexts(inner, Array.isArray(value) ? name : key));
}
