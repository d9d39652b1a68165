import type { FindRoute } from '../outbound/route.ts';
import type { MtlsMode } from '../inbound/listener.ts';

export type ReadTarget = (method: string, target: string) => { readonly target: string } | { readonly fault: string };

/** What a sidecar itself needs of the revision in force; the deciding is done elsewhere. */
export interface ActiveRevision {
  readonly number: bigint;
  readonly activated: Date | undefined;
  /** Documents in it. */
  readonly documents: number;
  readonly profile: string;
  /** Of a port by the number of its application and the one it listens at. */
  readonly modeFor: (port: number, listenPort: number) => MtlsMode;
  /** A request target as the path in it is decided on, which is how it is passed on, or why it is neither. */
  readonly readTarget: ReadTarget;
  /** Headers, by name in lower case, that token rules write: the application is told them by nobody else. */
  readonly isWritten: (name: string) => boolean;
  /** Headers that rules ask about: behind a body nobody would have asked. */
  readonly isAskedAbout: (name: string) => boolean;
  readonly findRoute: FindRoute;
  /** The service that a Host names, if this workload is one of its endpoints. */
  readonly ownService: (host: string) => string | undefined;
}
