import type { Registration } from '#policies/documents/index.ts';
import type { Logger } from '#runtime/logger.ts';
import type { UnixPeer } from '#runtime/peer.ts';
import type { WorkloadAttestor } from './attestor.ts';

/** All the attestors of a process that serves workloads. */
export class Attestors {
  readonly #all: readonly WorkloadAttestor[];
  readonly #logger: Logger;
  readonly #needed = new WeakMap<readonly Registration[], readonly WorkloadAttestor[]>();
  /** Whether more than credentials and program may make a difference between two processes. */
  readonly perProcess: boolean;

  constructor(all: readonly WorkloadAttestor[], logger: Logger) {
    this.#all = all;
    this.#logger = logger;
    this.perProcess = all.some((one) => one.perProcess);
  }

  /** What those say that some registration needs: asking is not for nothing. One that fails says nothing, and is logged. */
  async selectorsOf(process: UnixPeer, registrations: readonly Registration[]): Promise<string[]> {
    const found = await Promise.all(this.#neededFor(registrations).map((one) => this.#ask(one, process)));
    return found.flat();
  }

  #neededFor(registrations: readonly Registration[]): readonly WorkloadAttestor[] {
    let needed = this.#needed.get(registrations);
    if (needed === undefined) {
      const asked = new Set(registrations.flatMap(({ selectors }) => selectors));
      const isAsked = (prefix: string): boolean => [...asked].some((selector) => selector.startsWith(prefix));
      needed = this.#all.filter(({ prefixes }) => prefixes.some(isAsked));
      this.#needed.set(registrations, needed);
    }
    return needed;
  }

  async #ask(attestor: WorkloadAttestor, process: UnixPeer): Promise<readonly string[]> {
    try {
      return await attestor.attest(process);
    } catch (error) {
      this.#logger.warn('workload not attested', {
        attestor: attestor.name,
        pid: process.pid,
        uid: process.uid,
        error,
      });
      return [];
    }
  }
}
