import { resolve } from 'node:path';
import { type CallArguments, createClient, type Transport } from '@sekimori/client';
import { socketTransport } from '@sekimori/client/node';
import type { AnyRoute, ReplyOf } from '@sekimori/protocol';
import type { Result } from '@sekimori/result';
import type { HostFault } from '../faults.ts';
import { agentRoutes } from './api.ts';
import { REFUSED_BY_SERVICE } from './problem.ts';

/** Nothing listens on the socket, or who listens went away. The message is for people. */
export class AgentOutageError extends Error {
  readonly code: string | undefined;
  constructor(socket: string, cause: unknown) {
    super(`cannot use the agent at ${socket}: ${(cause as Error).message}`, { cause });
    this.name = 'AgentOutageError';
    this.code = (cause as { readonly code?: string }).code;
  }
}

export interface AgentClient {
  /** A refusal of a service is a fault as the service answered it (`asCallFault`). Rejects with `AgentOutageError`. */
  call<R extends AnyRoute>(route: R, ...input: CallArguments<R>): Promise<Result<ReplyOf<R>, HostFault>>;
}

/** A client of the agent that listens there. */
export function agentClient(socket: string): AgentClient {
  const send = socketTransport(socket);
  const transport: Transport = (request) =>
    send(request).catch((error: unknown) => {
      throw new AgentOutageError(socket, error);
    });
  const client = createClient({ baseUrl: 'http://agent', transport });
  return {
    async call(route, ...input) {
      const outcome = await client.call(route, ...input);
      if (outcome.ok || outcome.fault.status === REFUSED_BY_SERVICE) return outcome;
      const { code, detail } = outcome.fault;
      return { ok: false, fault: { code, detail } };
    },
  };
}

/** The agent of this state folder; undefined where none runs, or one of another folder or user. */
export async function runningAgent(of: AgentPlace): Promise<AgentClient | undefined> {
  const found = await findAgent(of);
  return typeof found === 'string' ? undefined : found;
}

/** As `runningAgent`, and why there is none: nobody answers for this state folder, or this user may not open the socket. */
export async function findAgent(of: AgentPlace): Promise<AgentClient | 'nobody' | 'not-allowed'> {
  const client = agentClient(of.socket);
  try {
    const agent = await client.call(agentRoutes.agent);
    return agent.ok && agent.value.stateFolder === resolve(of.stateFolder) ? client : 'nobody';
  } catch (error) {
    const why = error instanceof AgentOutageError ? NONE[error.code ?? ''] : undefined;
    if (why === undefined) throw error;
    return why;
  }
}

interface AgentPlace {
  readonly socket: string;
  readonly stateFolder: string;
}

// EACCES: it is another user's, and so is its state folder.
const NONE: Readonly<Record<string, 'nobody' | 'not-allowed'>> = {
  ENOENT: 'nobody',
  ECONNREFUSED: 'nobody',
  EACCES: 'not-allowed',
};
