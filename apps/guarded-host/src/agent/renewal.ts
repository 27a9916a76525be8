import { OutageError } from '@sekimori/client';
import { type Fault, ok, type Result } from '@sekimori/result';
import type { Logger } from '@sekimori/service-kit/daemon';
import type { AttestationService, AttestingDeps } from '../deps.ts';
import { asCallFault, type HostFault } from '../faults.ts';
import { attestAt, enrolledServices, healthAtHand, type ServiceHealth } from '../in-order.ts';
import { faultOf } from '../outage.ts';
import { backoffMillis, renewalDue, returnMillis } from './schedule.ts';
import type { Timing } from './timing.ts';

/** Clocks are set, and machines sleep: no wait trusts a timer for longer. */
const LONGEST_SLEEP = 60_000;

/**
 * Keeps a host attested: at its start unless the certificate at hand is good in this boot, before that ends, on demand, and again
 * after each failure. While a later attestation service is used, the ones before it are looked after.
 */
export class Renewal {
  readonly #ports: () => Promise<Result<AttestingDeps, HostFault>>;
  readonly #logger: Logger;
  readonly #timing: Timing;
  readonly #stopping = new AbortController();
  #sleeping = new AbortController();
  #running: Promise<Result<ServiceHealth, HostFault>> | undefined;
  #loop = Promise.resolve();
  #next: Date;
  #failures = 0;
  #current: ServiceHealth | undefined;

  constructor(options: {
    readonly ports: () => Promise<Result<AttestingDeps, HostFault>>;
    readonly logger: Logger;
    readonly timing: Timing;
  }) {
    this.#ports = options.ports;
    this.#logger = options.logger;
    this.#timing = options.timing;
    this.#next = options.timing.clock.now();
  }

  /** The certificate in force; none after a refusal, nor when it has ended. */
  get current(): ServiceHealth | undefined {
    return this.#current && this.#current.health.notAfter.getTime() > this.#now() ? this.#current : undefined;
  }
  /** When it attests next, or looks whether the first service is back. */
  get next(): Date {
    return this.#next;
  }
  get failuresInARow(): number {
    return this.#failures;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Attests now. Who asks while that is under way shares it. Rejects as `attest` does. */
  attestNow(): Promise<Result<ServiceHealth, HostFault>> {
    this.#running ??= this.#attest().finally(() => {
      this.#running = undefined;
      this.#sleeping.abort(); // there is another time to wait for
    });
    return this.#running;
  }

  /** Begins nothing more. What is under way ends by itself, or when its connections are closed. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#sleeping.abort();
    await this.#loop;
    await this.#running?.catch(() => {}); // whoever asked hears of it
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#sleeping = new AbortController();
      const wait = this.#next.getTime() - this.#now();
      if (wait > 0) await this.#timing.sleep(Math.min(wait, LONGEST_SLEEP), this.#sleeping.signal);
      else await this.#takeUpOrAttest();
    }
  }

  /** Never rejects: whatever it was that failed, there is a next time. */
  async #takeUpOrAttest(): Promise<void> {
    try {
      const taken = await this.#takeUp();
      if (!taken.ok) this.#failed(taken.fault);
      else if (!taken.value) await this.attestNow().catch(() => {}); // it is on record already
    } catch (error) {
      this.#failed(faultOf(error));
    }
  }

  /** Whether there is a certificate at hand whose time has not come: of an earlier agent, or by a release. */
  async #takeUp(): Promise<Result<boolean, HostFault>> {
    const services = await this.#services();
    if (!services.ok) return services;
    const { deps, enrolled } = services.value;
    const atHand = await healthAtHand(deps, enrolled);
    if (!atHand.ok) return atHand;
    const found = atHand.value;
    if (!found || renewalDue(found.health, 0).getTime() <= this.#now()) return ok(false);
    const before = enrolled.slice(0, enrolled.indexOf(found.service));
    if (before.length > 0 && this.#current) await this.#lookForReturn(deps, before, found);
    else this.#passed(found, before.length > 0);
    return ok(true);
  }

  /** Asks the services before the one in use; where they are still out, nothing has changed. */
  async #lookForReturn(
    deps: AttestingDeps,
    before: readonly AttestationService[],
    inUse: ServiceHealth,
  ): Promise<void> {
    try {
      const attested = await attestAt(deps, before);
      if (attested.ok) this.#passed(attested.value, attested.value.service !== before[0]);
      else this.#failed(attested.fault);
    } catch (error) {
      if (!(error instanceof OutageError)) throw error;
      this.#logger.debug({ detail: error.message }, 'the services before are still out');
      this.#plan(inUse, true);
    }
  }

  async #attest(): Promise<Result<ServiceHealth, HostFault>> {
    try {
      const services = await this.#services();
      const attested = services.ok ? await attestAt(services.value.deps, services.value.enrolled) : services;
      if (!attested.ok) this.#failed(attested.fault);
      else if (services.ok) this.#passed(attested.value, attested.value.service !== services.value.enrolled[0]);
      return attested;
    } catch (error) {
      this.#failed(faultOf(error));
      throw error;
    }
  }

  async #services(): Promise<
    Result<{ readonly deps: AttestingDeps; readonly enrolled: readonly AttestationService[] }, HostFault>
  > {
    const ports = await this.#ports();
    if (!ports.ok) return ports;
    const enrolled = await enrolledServices(ports.value);
    return enrolled.ok ? ok({ deps: ports.value, enrolled: enrolled.value }) : enrolled;
  }

  #passed(found: ServiceHealth, isFallback: boolean): void {
    this.#current = found;
    this.#failures = 0;
    this.#plan(found, isFallback);
    const { health, service, isNew } = found;
    const { traceId, notAfter } = health;
    const fields = { attestationService: service.name, isFallback, notAfter, next: this.#next, traceId };
    this.#logger.info(fields, isNew ? 'attested' : 'the health certificate at hand is good in this boot');
  }

  #plan({ health }: ServiceHealth, isFallback: boolean): void {
    const due = renewalDue(health, this.#timing.random());
    const back = new Date(this.#now() + returnMillis(this.#timing.random()));
    this.#next = isFallback && back < due ? back : due;
  }

  #failed(fault: Fault): void {
    const call = asCallFault(fault);
    const isRefusal = call !== undefined && call.status < 500 && call.code !== 'too-many-requests';
    if (isRefusal) this.#current = undefined;
    this.#failures++;
    const wait = backoffMillis(this.#failures, this.#timing.random(), call?.retryAfterSeconds);
    this.#next = new Date(this.#now() + wait);
    const { code, detail } = fault;
    const { subStatus, traceId } = call ?? {};
    const fields = { code, detail, subStatus, traceId, failuresInARow: this.#failures, next: this.#next };
    this.#logger.warn(fields, isRefusal ? 'refused by the attestation service' : 'not attested');
  }

  #now(): number {
    return this.#timing.clock.now().getTime();
  }
}
