import { type CallArguments, type Client, OutageError } from '@sekimori/client';
import type { AnyRoute } from '@sekimori/protocol';
import { type Fault, ok, type Result } from '@sekimori/result';
import type { Clock } from '@sekimori/service-kit/program';
import { asCallFault } from './faults.ts';

/** One address of a service. All addresses of a service are nodes of it: any is as good as another. */
export interface ServiceNode {
  /** 'https://hgs.example:8443' */
  readonly url: string;
  readonly client: Client;
}

/** How long an address that failed is asked after the others. */
const SET_ASIDE_MILLIS = 30_000;

/**
 * Asks addresses in their order, and goes on to the next one only where nobody decided: not reached, no answer in time, or an
 * answer of 500 and above. A refusal is an answer, and the last word. An address that failed is asked after the others for a
 * while; so the first one is returned to by itself.
 */
export class Failover {
  readonly #clock: Clock;
  readonly #failures = new Map<string, { readonly at: number; readonly why: string }>();
  #answered: string | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The address that answered last, whatever it said. */
  get answered(): string | undefined {
    return this.#answered;
  }

  /** Why an address is set aside now; undefined where it is not. */
  failureOf(url: string): string | undefined {
    const failure = this.#failures.get(url);
    // A clock that was set back must not keep an address aside for longer.
    return failure && Math.abs(this.#clock.now().getTime() - failure.at) < SET_ASIDE_MILLIS ? failure.why : undefined;
  }

  /**
   * What `work` gives at the first place that answers, and which that was. Where none does: the one failure as it was, or an
   * `OutageError` that names all.
   */
  async ask<P extends { readonly url: string }, T, F extends Fault>(
    places: readonly P[],
    work: (place: P) => Promise<Result<T, F>>,
  ): Promise<Result<{ readonly place: P; readonly value: T }, F>> {
    const failures: { readonly why: string; readonly end: () => Result<never, F> }[] = [];
    for (const place of this.#inOrder(places)) {
      const { url } = place;
      try {
        const outcome = await work(place);
        if (outcome.ok || !isOutage(outcome.fault)) {
          this.#failures.delete(url);
          this.#answered = url;
          return outcome.ok ? ok({ place, value: outcome.value }) : outcome;
        }
        const why = `${url} answers ${outcome.fault.code}: ${outcome.fault.detail}`;
        failures.push({ why, end: () => outcome });
      } catch (error) {
        if (!(error instanceof OutageError)) throw error;
        const end = () => {
          throw error;
        };
        failures.push({ why: error.message, end });
      }
      this.#failures.set(url, { at: this.#clock.now().getTime(), why: failures.at(-1)!.why });
    }
    const [only, ...others] = failures;
    if (!only) throw new RangeError('there is no address to ask');
    if (others.length === 0) return only.end();
    throw new OutageError(`any of ${failures.length} addresses`, failures.map(({ why }) => why).join('; '));
  }

  #inOrder<P extends { readonly url: string }>(places: readonly P[]): readonly P[] {
    const isAside = ({ url }: P) => this.failureOf(url) !== undefined;
    return [...places.filter((place) => !isAside(place)), ...places.filter(isAside)];
  }
}

function isOutage(fault: Fault): boolean {
  return (asCallFault(fault)?.status ?? 0) >= 500;
}

/**
 * All nodes of a service as one client. A call whose answer was lost is made again at the next node; what may be done once
 * only is refused there.
 */
export function anyNode(failover: Failover, nodes: readonly ServiceNode[]): Client {
  return {
    async call<R extends AnyRoute>(route: R, ...input: CallArguments<R>) {
      const outcome = await failover.ask(nodes, ({ client }) => client.call(route, ...input));
      return outcome.ok ? ok(outcome.value.value) : outcome;
    },
  };
}
