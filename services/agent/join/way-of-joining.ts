import type { Identity } from '#runtime/identity-source.ts';

/** One way of proving which node this is, to an authority that does not know it yet. */
export interface WayOfJoining {
  /**
   * What there is to join with now, as a hash; undefined where there is nothing. A way that can be used once must not be
   * tried again with the same mark.
   */
  mark(): string | undefined;
  readonly once: boolean;
  /** For people: what to do when there is nothing to join with. */
  readonly remedy: string;
  /** Files whose change may mean that there is something new to join with. */
  readonly files: readonly string[];
  /** `known`: roots of the authority (PEM) that this node has learned of before, when it was a node already. */
  join(signal: AbortSignal, known: readonly string[] | undefined): Promise<Identity>;
}
