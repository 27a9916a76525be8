import { LineReader, parseGuestLine } from '../src/guest-disk/guest-lines.ts';

/** The first byte chooses where the stream is cut. */
export default function fuzz(bytes: Uint8Array): void {
  const [cut = 0] = bytes;
  const reader = new LineReader();
  for (const chunk of [bytes.subarray(1, cut), bytes.subarray(Math.max(1, cut))]) {
    const lines = reader.push(chunk);
    if (!lines.ok) return;
    for (const line of lines.value) parseGuestLine(line);
  }
}
