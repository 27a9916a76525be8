import { dirname, join, resolve } from 'node:path';
import { describeFault, ok, type Result } from '@sekimori/result';
import type { Logger } from '@sekimori/service-kit/daemon';
import { privateFolder, type StartFault, systemClock } from '@sekimori/service-kit/program';
import type { HostSettings } from '../config.ts';
import { type ConnectedHost, connectHost } from '../connect.ts';
import { type HostFault, hostFault } from '../faults.ts';
import { lockFile } from '../flock.ts';
import { reportOf } from '../report.ts';
import type { AgentReport } from '../status-shape.ts';
import { agentRoutes, attestedReply } from './api.ts';
import { Renewal } from './renewal.ts';
import { type AgentContext, type AgentRoute, agentRoute } from './routes.ts';
import { agentServer, closeServer, listenOn } from './server.ts';
import { systemTiming, type Timing } from './timing.ts';

export interface AgentOptions {
  readonly settings: HostSettings;
  readonly version: string;
  readonly logger: Logger;
  /** Beside the agent's own. */
  readonly routes?: readonly AgentRoute[];
  /** For tests; the system's otherwise. */
  readonly timing?: Timing;
}

export interface RunningAgent {
  readonly context: AgentContext;
  /** Ends requests in flight, what was registered with `onStop`, renewals, and lets go of socket, TPM and locks. */
  close(): Promise<void>;
}

/** How long an attestation under way may take when the agent is told to stop; then its connections are cut. */
const STOP_MILLIS = 5000;

type AgentFault = StartFault | HostFault;

/**
 * The agent of this machine: keeps it attested and answers on its socket. `agent-running`: another one has the state folder or the
 * socket; `state-unreadable`, `socket-unusable`: its folder is open to others, or no folder; the socket also as `listenOn` says.
 */
export async function startAgent(options: AgentOptions): Promise<Result<RunningAgent, AgentFault>> {
  const { settings, logger, timing = systemTiming(systemClock) } = options;
  const [stateFolder, socket] = [resolve(settings.stateFolder), resolve(settings.socket)];
  const locks = await takeLocks(stateFolder, socket);
  if (!locks.ok) return locks;
  const release = async () => {
    for (const lock of locks.value) await lock.close();
  };
  try {
    const connected = await connectHost(settings, { clock: timing.clock });
    if (!connected.ok) {
      await release();
      return connected;
    }
    const host = connected.value;
    const closers: { readonly name: string; readonly close: () => Promise<void> }[] = [];
    const isLocal = settings.mode === 'local';
    const renewal = new Renewal({ ports: () => host.attesting(), logger, timing });
    const context: AgentContext = {
      host,
      clock: timing.clock,
      logger,
      ports: () => host.deps(),
      onStop: (name, close) => void closers.push({ name, close }),
    };
    const startedAt = timing.clock.now().toISOString();
    const self = (): AgentReport => ({
      version: options.version,
      pid: process.pid,
      stateFolder,
      startedAt,
      ...(!isLocal && { nextAttestation: renewal.next.toISOString() }),
      failuresInARow: renewal.failuresInARow,
    });
    const server = agentServer([...ownRoutes(host, renewal, self), ...(options.routes ?? [])], logger);
    const listening = await listenOn(server, socket);
    if (!listening.ok) {
      await host.close();
      await release();
      return listening;
    }
    if (!isLocal) renewal.start();
    logger.info({ socket, stateFolder, mode: settings.mode, version: options.version }, 'the agent runs');
    return ok({
      context,
      async close() {
        await closeServer(server);
        for (const { name, close } of closers.toReversed())
          await close().catch((error: unknown) => logger.error({ resource: name, err: error }, 'could not close'));
        const cut = setTimeout(() => void host.close(), STOP_MILLIS);
        await renewal.stop();
        clearTimeout(cut);
        await host.close();
        await release();
      },
    });
  } catch (error) {
    await release();
    throw error;
  }
}

function ownRoutes(host: ConnectedHost, renewal: Renewal, self: () => AgentReport): readonly AgentRoute[] {
  return [
    agentRoute(agentRoutes.agent, async () => ok(self())),
    agentRoute(agentRoutes.guarded, async () => ok({ isHostGuarded: renewal.current !== undefined })),
    agentRoute(agentRoutes.status, async () => {
      const report = await reportOf(host);
      return report.ok ? ok({ ...report.value, agent: self() }) : report;
    }),
    agentRoute(agentRoutes.attest, async () => {
      const attested = await renewal.attestNow();
      return attested.ok ? ok(attestedReply(attested.value)) : attested;
    }),
  ];
}

/** Of the state folder and of the socket: two agents share neither. */
async function takeLocks(stateFolder: string, socket: string): Promise<Result<readonly Lock[]>> {
  const locks: Lock[] = [];
  for (const [folder, file, unusable] of [
    [stateFolder, 'agent.lock', 'state-unreadable'],
    [dirname(socket), '.agent.lock', 'socket-unusable'],
  ] as const) {
    const own = await privateFolder(folder);
    const lock = own.ok ? await lockFile(join(folder, file)) : undefined;
    if (lock) locks.push(lock);
    else for (const each of locks) await each.close();
    if (!own.ok) return hostFault(unusable, describeFault(own.fault));
    if (!lock) return hostFault('agent-running', `another agent holds ${join(folder, file)}`);
  }
  return ok(locks);
}

interface Lock {
  close(): Promise<void>;
}
