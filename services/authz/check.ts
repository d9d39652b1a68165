import { decide } from '#policies/index.ts';
import type { Program } from '#policies/index.ts';
import { checkGlobalWordCount, decodeAttributes, vocabulary } from '#proto/attributes/index.ts';
import type { AttributeBag } from '#proto/attributes/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Decision } from '#proto/gen/garrison/v1/decision.ts';
import type { CheckRequest, CheckResponse } from '#proto/gen/istio/mixer/v1/mixer.ts';
import type { Peer } from '#runtime/peer.ts';
import { answer, decided, once } from './answer.ts';
import type { Answer } from './answer.ts';
import { requireOwnWorkload, withBinding } from './caller.ts';
import { directiveOf } from './directive.ts';
import type { Revisions } from './revisions.ts';

export interface CheckOptions {
  readonly revisions: Revisions;
  readonly newId: () => string;
  /** Told of every answer that is given. */
  readonly onDecided: (decision: Decision) => void;
  /** Told when deciding failed: the request is denied, and somebody should know why. */
  readonly onFailed: (error: GarrisonError, decision: Decision) => void;
}

export type Check = (request: CheckRequest, context: { readonly peer: Peer }) => CheckResponse;

/** Mixer.Check: may this happen? Nothing in here waits, so one call costs one turn. */
export function createCheck(options: CheckOptions): Check {
  const { revisions, newId, onDecided } = options;
  return (request, { peer }) => {
    checkGlobalWordCount(request.globalWordCount);
    const bag = readBag(request);
    if (peer.spiffeId !== undefined) requireOwnWorkload(bag, peer.spiffeId);
    const program = revisions.current?.program;
    if (program === undefined) throw nothingInForce();
    const made = judge(program, bag, newId(), options);
    onDecided(made.decision);
    return answer(request, made);
  };
}

function readBag({ attributes }: CheckRequest): AttributeBag {
  if (attributes === undefined) {
    throw new GarrisonError('INVALID_ARGUMENT', 'a check without attributes asks nothing', {
      place: 'CheckRequest.attributes',
      remedy: 'say what is to happen: at least `destination.namespace` and what the request is',
    });
  }
  return decodeAttributes(attributes, { place: 'CheckRequest.attributes', types: vocabulary });
}

function judge(program: Program, bag: AttributeBag, id: string, options: CheckOptions): Answer {
  const verdict = decide(program, bag);
  const { effect, policy, rule, revision, reason, status, error } = verdict;
  const decision = { id, effect, policy, rule, revision: BigInt(revision), reason, httpStatus: status };
  const references = withBinding(verdict.referenced, bag);
  const directive = directiveOf(verdict);
  if (error === undefined) return { decision, references, validity: decided, directive };
  options.onFailed(error, decision);
  return { decision, references, validity: once, directive };
}

function nothingInForce(): GarrisonError {
  return new GarrisonError('UNAVAILABLE', 'no policy documents are in force yet', {
    remedy: 'mend the documents; `/revision` of the admin port says what is wrong with them',
  });
}
