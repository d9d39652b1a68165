import type { SpiffeId } from '#ca/spiffe-id.ts';
import type { CallContext } from '#runtime/grpc/method.ts';
import type { Warrant } from '../issuing/record-and-sign.ts';

/** What a caller is entitled to, and why. */
export interface Claim {
  readonly id: SpiffeId;
  readonly dnsNames: readonly string[];
  /** The registration's own lifetime: what is asked beyond it is cut to it. */
  readonly ttlSeconds: number | undefined;
  readonly warrant: Warrant;
  /** What was found out of it when it was attested, where it is a node. */
  readonly nodeSelectors?: ReadonlySet<string>;
}

/** Finds out who calls. Undefined: this way of proving oneself was not tried. Throws when it was tried and failed. */
export type Authenticator = (context: CallContext) => Promise<Claim | undefined> | Claim | undefined;

/** The credentials of `authorization: Bearer …`, if that is what there is. */
export function bearerOf({ metadata }: CallContext): string | undefined {
  return /^bearer +(\S+)$/i.exec(metadata.get('authorization') ?? '')?.[1];
}
