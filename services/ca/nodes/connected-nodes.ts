import type { Clock } from '#runtime/clock.ts';
import type { Peer } from '#runtime/peer.ts';
import type { NodeCaller } from './node-caller.ts';

export interface ConnectedNode {
  readonly spiffeId: string;
  readonly address: string;
  readonly since: Date;
  entries: number;
}

export interface Connection extends Disposable {
  /** How many entries the node was told of. */
  told(entries: number): void;
}

/** The agents that hold a stream open: for `/status` and metrics. */
export class ConnectedNodes {
  readonly #clock: Clock;
  readonly #nodes = new Set<ConnectedNode>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get all(): readonly Readonly<ConnectedNode>[] {
    return [...this.#nodes];
  }

  get count(): number {
    return this.#nodes.size;
  }

  connect({ spiffeId }: NodeCaller, { address }: Peer): Connection {
    const node: ConnectedNode = { spiffeId, address, since: this.#clock.now(), entries: 0 };
    this.#nodes.add(node);
    return {
      told: (entries) => {
        node.entries = entries;
      },
      [Symbol.dispose]: () => {
        this.#nodes.delete(node);
      },
    };
  }
}
