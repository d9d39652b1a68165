import { GarrisonError, type GrpcStatus, grpcStatus, isUnreachable, toHttpStatus } from '#proto/errors/index.ts';
import { type Decider, type Decision, ownRefusal, undecidedPass } from './decider.ts';

/** Asks somebody else; rejects when there is no answer or none that can be read. */
export interface FallibleDecider {
  ask(...request: Parameters<Decider['decide']>): Promise<Decision>;
}

export interface FailPolicyOptions {
  /** The setting `failOpen`: the one thing that lets a request pass undecided. */
  readonly failOpen: boolean;
  readonly newId: () => string;
  readonly onUndecided: (reason: string, passed: boolean, decision: string) => void;
}

/**
 * Turns an unanswered question into a decision. Closed: 503, not 403, since no policy said no: the client may try again,
 * nobody looks for a rule that denied, and it is what Mixer's own client answered (UNAVAILABLE).
 * Open: only where the service could not be reached. A question that it refuses or chokes on is denied even then,
 * or whoever can make it choke would be let in (CVE-2023-27488).
 */
export function withFailPolicy(inner: FallibleDecider, options: FailPolicyOptions): Decider {
  return {
    decide: async (bag, signal) => {
      try {
        return await inner.ask(bag, signal);
      } catch (error) {
        const unreachable = isUnreachable(error);
        const passes = unreachable && options.failOpen;
        const reason = `the authorization service ${unreachable ? 'cannot be reached' : 'gave no decision'}: ${messageOf(error)}`;
        const id = options.newId();
        options.onUndecided(reason, passes, id);
        const code = statusOf(error);
        return passes ? undecidedPass(id, reason) : ownRefusal(id, toHttpStatus(code), code, reason);
      }
    },
  };
}

/** A request that cannot even be asked about is the client's fault; everything else may work at the next try. */
function statusOf(error: unknown): GrpcStatus {
  const malformed = error instanceof GarrisonError && error.code === 'INVALID_ARGUMENT';
  return malformed ? grpcStatus.INVALID_ARGUMENT : grpcStatus.UNAVAILABLE;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
