import { readFile } from 'node:fs/promises';
import { type CallFault, type Client, createClient } from '@sekimori/client';
import { nodeTransport } from '@sekimori/client/node';
import { faultInfo } from '@sekimori/protocol';
import { ok, type Result } from '@sekimori/result';
import { readPrivateFile } from '@sekimori/service-kit/program';
import { readClientFile, readRunFile } from '../data/client-file.ts';
import type { Answer, CommandFault } from '../outcome.ts';
import { isAlive } from '../own-process.ts';

/** Both services, with the administrator's token. */
export interface Services {
  readonly attestation: Client;
  readonly keyProtection: Client;
  readonly addresses: { readonly attestation: string; readonly keyProtection: string };
}

/** Does the work with the services of a data folder, and lets the connections go. */
export async function withServices(data: string, work: (services: Services) => Answer): Answer {
  const client = await readClientFile(data);
  if (!client.ok) return client;
  const token = await readPrivateFile(client.value.token);
  if (!token.ok) return token;
  const transport = nodeTransport({ ca: await readFile(client.value.ca, 'utf8'), timeoutSeconds: 30 });
  const addresses = (await runningNow(data, client.value)) ?? client.value;
  const reach = (baseUrl: string) => createClient({ baseUrl, transport, token: token.value });
  try {
    return await work({
      attestation: reach(addresses.attestation),
      keyProtection: reach(addresses.keyProtection),
      addresses: { attestation: addresses.attestation, keyProtection: addresses.keyProtection },
    });
  } finally {
    transport.close();
  }
}

/** A run.json is believed while its process lives, or where the configuration has no port of its own. */
async function runningNow(data: string, configured: { readonly attestation: string; readonly keyProtection: string }) {
  const run = await readRunFile(data);
  if (!run) return undefined;
  const anyPort = [configured.attestation, configured.keyProtection].some((address) => new URL(address).port === '0');
  return anyPort || isAlive(run.pid) ? run : undefined;
}

/** A refusal of a service, with what its documentation says to do. */
export function answered<T>(reply: Result<T, CallFault>): Result<T, CommandFault> {
  if (reply.ok) return ok(reply.value);
  const { code, detail, traceId, subStatus } = reply.fault;
  const known = faultInfo(code);
  const because = subStatus && subStatus.length > 0 ? ` [${subStatus.join(', ')}]` : '';
  return {
    ok: false,
    fault: { code, detail: `${detail}${because}`, traceId, ...(known.code === code ? { hint: known.todo } : {}) },
  };
}
