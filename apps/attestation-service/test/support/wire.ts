import type { attestationRoutes, BodyOf, ParamsOf, QueryOf, ReplyOf } from '@sekimori/protocol';
import type { Result } from '@sekimori/result';
import type { RefusalFault } from '@sekimori/service-kit';

type Routes = typeof attestationRoutes;
type RouteName = keyof Routes;

interface Input<R extends Routes[RouteName]> {
  readonly params?: ParamsOf<R>;
  readonly query?: QueryOf<R>;
  readonly body?: BodyOf<R>;
}

/** One service, by its routes: called in process or over HTTPS, as an administrator where a route needs one. */
export type Wire = <N extends RouteName>(
  name: N,
  input?: Input<Routes[N]>,
) => Promise<Result<ReplyOf<Routes[N]>, RefusalFault<string>>>;
