import type { EventEmitter } from 'node:events';
import type { Readable } from 'node:stream';
import { fail, ok, type Result } from '@sekimori/result';
import type { Limits } from './node-server.ts';
import type { RefusalFault } from './problem.ts';
import { networkOf } from './rate-limit.ts';

/** Bodies announced as this long or shorter have memory of their own: long ones cannot keep them out. */
const SMALL_BODY = 16 * 1024;
/** What one network may have in flight, of all memory for bodies. */
const NETWORK_SHARE = 1 / 8;
/** Memory for small bodies, beside that for the others. */
const SMALL_SHARE = 1 / 8;

/** Charges what has arrived of one body; refuses what is too much. All is given back when the answer has left. */
export type BodyMeter = (bytes: number) => RefusalFault | undefined;

/** Bounds the memory that all bodies in flight take together, by what has arrived of them, never by what they announce. */
export function bodyBudget(
  bytes: number,
): (request: { readonly ip: string; readonly announced: number | undefined }, answer: EventEmitter) => BodyMeter {
  const small = pool(Math.ceil(bytes * SMALL_SHARE));
  const large = pool(bytes);
  return ({ ip, announced }, answer) => {
    const memory = announced !== undefined && announced <= SMALL_BODY ? small : large;
    const network = networkOf(ip);
    let charged = 0;
    answer.once('close', () => {
      memory.giveBack(network, charged);
      charged = 0;
    });
    return (more) => {
      const refused = memory.charge(network, more);
      if (!refused) charged += more;
      return refused;
    };
  };
}

function pool(bytes: number) {
  const share = Math.ceil(bytes * NETWORK_SHARE);
  const networks = new Map<string, number>();
  let all = 0;
  return {
    charge(network: string, more: number): RefusalFault | undefined {
      const own = (networks.get(network) ?? 0) + more;
      if (own > share) return { code: 'too-many-requests', detail: 'this address sends too much at once' };
      if (all + more > bytes) return { code: 'not-ready', detail: 'too many requests are in work' };
      networks.set(network, own);
      all += more;
      return undefined;
    },
    giveBack(network: string, less: number): void {
      const own = (networks.get(network) ?? 0) - less;
      if (own > 0) networks.set(network, own);
      else networks.delete(network);
      all -= less;
    },
  };
}

/**
 * Reads a body as it comes: within `limit`, within what `meter` allows, and at no less than the slowest rate. What was
 * refused is not read any further.
 */
export async function readBody(
  source: Readable,
  limit: number,
  meter: BodyMeter,
  { bodyGraceSeconds, bodyBytesPerSecond }: Pick<Limits, 'bodyGraceSeconds' | 'bodyBytesPerSecond'>,
): Promise<Result<Buffer, RefusalFault>> {
  const chunks: Buffer[] = [];
  let received = 0;
  let granted = 0; // seconds since the start; each byte that comes grants a little more
  let timer: NodeJS.Timeout | undefined;
  return new Promise((resolve) => {
    const end = (outcome: Result<Buffer, RefusalFault>): void => {
      clearTimeout(timer);
      source.off('data', take).off('end', finish).off('error', cut).off('close', cut);
      resolve(outcome);
    };
    const refuse = ({ code, detail }: RefusalFault): void => end(fail(code, detail));
    const wait = (): void => {
      const due = bodyGraceSeconds + received / bodyBytesPerSecond;
      if (due <= granted) return refuse({ code: 'malformed-request', detail: 'the request did not arrive in time' });
      timer = setTimeout(wait, (due - granted) * 1000);
      granted = due;
      return undefined;
    };
    const take = (chunk: Buffer): void => {
      received += chunk.length;
      if (received > limit) return refuse(TOO_LARGE);
      const refused = meter(chunk.length);
      if (refused) return refuse(refused);
      chunks.push(chunk);
      return undefined;
    };
    const finish = (): void => end(ok(Buffer.concat(chunks, received)));
    const cut = (): void =>
      refuse({ code: 'malformed-request', detail: 'the connection ended before the request did' });
    source.on('data', take).on('end', finish).on('error', cut).on('close', cut);
    wait();
  });
}

export const TOO_LARGE: RefusalFault = { code: 'body-too-large', detail: 'the body is larger than this route takes' };
