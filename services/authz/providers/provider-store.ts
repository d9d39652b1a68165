import type { Handler } from '#policies/documents/model.ts';
import type { PolicySet } from '#policies/documents/policy-set.ts';
import { handlerKey } from '#policies/compile/named-handler.ts';
import type { RequiredProvider } from '#policies/index.ts';
import { asGarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import type { Logger } from '#runtime/logger.ts';
import type { HistogramMetric, Metrics } from '#runtime/metrics.ts';
import { deadline } from '#runtime/deadline.ts';
import { Circuit } from './circuit.ts';
import { GrpcProvider } from './grpc-provider.ts';
import { HttpProvider } from './http-provider.ts';
import { noAnswer } from './reply.ts';
import type { Outcome, Provider, Question, Reply } from './reply.ts';

export interface ProviderStoreOptions {
  readonly identity: IdentitySource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
}

/** How one provider was heard: an answer, or what its failureMode makes of having none. */
export interface Heard {
  readonly provider: string;
  /** Its Handler, `namespace/name`; where there is none, its name. */
  readonly handler: string;
  readonly reply: Reply;
  /** Why there was no answer. With a reply that allows, this is a pass that nobody gave. */
  readonly fault: string | undefined;
}

type Who = Pick<Heard, 'provider' | 'handler'>;

interface Held {
  readonly provider: Provider;
  readonly circuit: Circuit;
  readonly timeoutMs: number;
}

/** The providers that the documents name, each with its connections and its circuit. */
export class ProviderStore implements Disposable {
  readonly #options: ProviderStoreOptions;
  readonly #held = new Map<string, Held>();
  readonly #counts = new Map<string, number>();
  #durations: HistogramMetric | undefined = undefined;
  readonly #stopFollowing: () => void;

  constructor(options: ProviderStoreOptions) {
    this.#options = options;
    // A certificate of ours that was replaced is in every context that shows it: those are made anew.
    this.#stopFollowing = options.identity.onChange(() => this.#retire(() => true));
  }

  /** Lets go of what no document names any longer. */
  use({ handlers }: PolicySet): void {
    const wanted = new Set(handlers.map(keyOf));
    this.#retire((key) => !wanted.has(key));
  }

  /** Asks one provider. Never rejects. */
  ask({ name, handler: key }: RequiredProvider, question: Question, set: PolicySet): Promise<Heard> {
    const handler = set.handlers.find((one) => handlerKey(one) === key);
    if (handler === undefined) {
      const who = { provider: name, handler: key ?? name };
      return Promise.resolve(refused(who, 403, 'no Handler of this name is in force'));
    }
    return this.#hear({ provider: name, handler: handlerKey(handler) }, handler, question, set);
  }

  exposeOn(metrics: Metrics): void {
    this.#durations = metrics.histogram('garrison_provider_duration_seconds', 'Time that CUSTOM providers take');
    metrics.observedGauge(
      'garrison_provider_circuits_open',
      'CUSTOM providers that are not asked for being dead',
      () => {
        return [...this.#held.values()].filter(({ circuit }) => circuit.open).length;
      },
    );
    metrics.append(() => [
      '# HELP garrison_provider_answers_total Questions to CUSTOM providers by what came of them\n',
      '# TYPE garrison_provider_answers_total counter\n',
      ...[...this.#counts].map(([outcome, n]) => `garrison_provider_answers_total{outcome="${outcome}"} ${n}\n`),
    ]);
  }

  [Symbol.dispose](): void {
    this.#stopFollowing();
    for (const { provider } of this.#held.values()) provider[Symbol.dispose]();
    this.#held.clear();
  }

  async #hear(who: Who, handler: Handler, question: Question, { mesh }: PolicySet): Promise<Heard> {
    const { failureMode, statusOnError, protocol } = handler.check;
    // Upstream passes over a provider that speaks HTTP only where a connection is not HTTP.
    if (protocol === 'http' && !question.http && mesh.profile === 'istio') return allowed(who, undefined);
    const outcome = await this.#ask(handler, question);
    this.#count(outcome.effect);
    if (outcome.effect === 'allow' || outcome.effect === 'deny') {
      return { ...who, reply: outcome, fault: undefined };
    }
    const passes = outcome.effect === 'none' && failureMode === 'allow';
    if (passes) this.#count('passed');
    this.#options.logger.warn('provider gave no answer', {
      provider: who.handler,
      reason: outcome.reason,
      passes,
    });
    return passes ? allowed(who, outcome.reason) : refused(who, statusOnError, outcome.reason);
  }

  async #ask(handler: Handler, question: Question): Promise<Outcome> {
    const { clock } = this.#options;
    let held: Held;
    try {
      held = this.#holdFor(handler);
    } catch (error) {
      return noAnswer(`it cannot be set up: ${asGarrisonError(error).message}`);
    }
    const { provider, circuit, timeoutMs } = held;
    if (!circuit.enter()) return noAnswer('it is not asked: it did not answer before');
    const began = clock.monotonicMs();
    const { signal, done } = deadline(clock, timeoutMs);
    const outcome = await provider
      .ask(question, signal)
      .catch((error: unknown) => noAnswer(`it cannot be asked: ${asGarrisonError(error).message}`))
      .finally(done);
    this.#durations?.observe((clock.monotonicMs() - began) / 1000);
    if (outcome.effect === 'none' && outcome.silent) circuit.failed();
    else if (outcome.effect === 'unaskable') circuit.notAsked();
    else circuit.answered();
    return outcome;
  }

  #holdFor(handler: Handler): Held {
    const key = keyOf(handler);
    let held = this.#held.get(key);
    if (held === undefined) {
      const { check } = handler;
      const { identity, clock, random } = this.#options;
      const provider =
        check.protocol === 'grpc' ? new GrpcProvider(check, identity) : new HttpProvider(check, identity);
      held = { provider, circuit: new Circuit(clock, random), timeoutMs: check.timeoutMs };
      this.#held.set(key, held);
    }
    return held;
  }

  /** Whoever still waits for an answer gets it. */
  #retire(isOver: (key: string) => boolean): void {
    for (const [key, { provider, timeoutMs }] of this.#held) {
      if (!isOver(key)) continue;
      this.#held.delete(key);
      void this.#options.clock.sleep(timeoutMs).then(() => provider[Symbol.dispose]());
    }
  }

  #count(outcome: string): void {
    this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1);
  }
}

const keys = new WeakMap<Handler, string>();

function keyOf(handler: Handler): string {
  let key = keys.get(handler);
  if (key === undefined) {
    const { namespace, name } = handler.metadata;
    key = JSON.stringify([namespace, name, handler.check], (_, value: unknown) =>
      value instanceof Map ? [...(value as Map<unknown, unknown>)] : value,
    );
    keys.set(handler, key);
  }
  return key;
}

function allowed(who: Who, fault: string | undefined): Heard {
  return { ...who, reply: { effect: 'allow', request: [], response: [] }, fault };
}

function refused(who: Who, status: number, fault: string | undefined): Heard {
  return { ...who, reply: { effect: 'deny', status, response: [], body: '' }, fault };
}
