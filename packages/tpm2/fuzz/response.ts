import { type Codec, decode } from '@sekimori/codec';
import { type CommandName, COMMANDS, decodeCommand, decodeResponse, explainResponseCode } from '../src/index.ts';

const NAMES = Object.keys(COMMANDS) as CommandName[];

/** The first byte chooses the command and the number of sessions, the rest is the frame. */
export default function fuzz(bytes: Uint8Array): void {
  const [choice = 0] = bytes;
  const frame = bytes.subarray(1);
  decodeCommand(frame);
  const name = NAMES[choice % NAMES.length]!;
  const decoded = decodeResponse(name, choice >> 6, frame);
  if (!decoded.ok) return;
  explainResponseCode(decoded.value.responseCode);
  decode(COMMANDS[name].response as Codec<unknown>, decoded.value.parameters);
}
