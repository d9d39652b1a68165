import type { AttributeBag } from '#proto/attributes/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Decider, Decision } from '#services/sidecar/decide/decider.ts';
import { type FallibleDecider, withFailPolicy } from '#services/sidecar/decide/fail-policy.ts';
import { readAnswer } from '#services/sidecar/decide/remote-decider.ts';
import { type Ruling, checkResponse } from '#test/fakes/sidecar-world.ts';

/** Decides in process, as told: what tests of everything behind the port use. It keeps the port's contract. */
export class FakeDecider implements Decider {
  readonly asked: AttributeBag[] = [];
  readonly #decider: Decider;
  #ruling: (bag: AttributeBag) => Ruling | Promise<Ruling> = () => ({});

  constructor(failOpen = false) {
    const inner: FallibleDecider = {
      ask: async (bag, signal): Promise<Decision> => {
        const id = `decision-${this.asked.push(bag)}`;
        const left = new Promise<never>((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new GarrisonError('CANCELLED', 'the client left')), {
            once: true,
          });
        });
        return readAnswer(checkResponse(await Promise.race([this.#ruling(bag), left]), id));
      },
    };
    this.#decider = withFailPolicy(inner, {
      failOpen,
      newId: () => `own-${this.asked.length}`,
      onUndecided: () => undefined,
    });
  }

  rule(ruling: (bag: AttributeBag) => Ruling | Promise<Ruling>): void {
    this.#ruling = ruling;
  }

  decide(bag: AttributeBag, signal: AbortSignal): Promise<Decision> {
    return this.#decider.decide(bag, signal);
  }
}
