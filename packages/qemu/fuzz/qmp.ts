import { LineReader, parseQmpMessage } from '../src/qmp-message.ts';

export default function fuzz(bytes: Uint8Array): void {
  const lines = new LineReader(4096).push(bytes);
  if (lines.ok) for (const line of lines.value) parseQmpMessage(line);
}
