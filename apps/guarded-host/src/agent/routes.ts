import type { AnyRoute, BodyOf, ParamsOf, QueryOf, ReplyOf } from '@sekimori/protocol';
import type { Result } from '@sekimori/result';
import type { Logger } from '@sekimori/service-kit/daemon';
import type { Clock, StartFault } from '@sekimori/service-kit/program';
import type { ConnectedHost } from '../connect.ts';
import type { HostDeps } from '../deps.ts';
import type { HostFault } from '../faults.ts';

/** What is kept with an agent works with this: the running host. */
export interface AgentContext {
  readonly host: ConnectedHost;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The ports of `releaseKeys`. `local-mode`: there are none; `service-not-configured`. */
  readonly ports: () => Promise<Result<HostDeps, StartFault | HostFault>>;
  /** Closed when the agent stops, the last one first, while the ports are still there. */
  readonly onStop: (name: string, close: () => Promise<void>) => void;
}

export interface AgentInput<R extends AnyRoute = AnyRoute> {
  readonly params: ParamsOf<R>;
  readonly query: QueryOf<R>;
  readonly body: BodyOf<R>;
}

/** A route with what answers it. Whoever may open the socket may call it. */
export interface AgentRoute {
  readonly route: AnyRoute;
  readonly handle: (input: AgentInput) => Promise<Result<object>>;
}

/**
 * `agentRoute(vmRoutes.start, async ({ params, body }) => …)`: the handler translates and decides nothing. A fault it answers
 * keeps its code; what it throws is `internal`, save outages.
 */
export function agentRoute<R extends AnyRoute>(
  route: R,
  handle: (input: AgentInput<R>) => Promise<Result<ReplyOf<R> & object>>,
): AgentRoute {
  return { route, handle };
}
