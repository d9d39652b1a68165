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
import { evidenceNeeded, gatherEvidence } from './gather-evidence.ts';
import type { EvidenceSources, Gathered } from './gather-evidence.ts';
import { outcomeOf } from './provider-outcome.ts';
import type { Revisions } from './revisions.ts';
import { joinReferences } from './token-references.ts';

export interface CheckOptions {
  readonly revisions: Revisions;
  readonly newId: () => string;
  /** Without them what needs tokens verified or providers asked is refused. */
  readonly evidence?: EvidenceSources;
  /** Told of every answer that is given. */
  readonly onDecided: (decision: Decision) => void;
  /** Told when deciding failed: the request is denied, and somebody should know why. */
  readonly onFailed: (error: GarrisonError, decision: Decision) => void;
}

export type Check = (request: CheckRequest, context: { readonly peer: Peer }) => CheckResponse | Promise<CheckResponse>;

/** Mixer.Check: may this happen? Nothing waits where the attributes alone decide, so such a call costs one turn. */
export function createCheck(options: CheckOptions): Check {
  const { revisions, newId, onDecided, evidence } = options;
  return (request, { peer }) => {
    checkGlobalWordCount(request.globalWordCount);
    const bag = readBag(request);
    if (peer.spiffeId !== undefined) requireOwnWorkload(bag, peer.spiffeId);
    const program = revisions.current?.program;
    if (program === undefined) throw nothingInForce();
    const settle = (gathered: Gathered | undefined): CheckResponse => {
      const made = judge(program, bag, newId(), options, gathered);
      onDecided(made.decision);
      return answer(request, made);
    };
    const needed = evidence === undefined ? undefined : evidenceNeeded(program, bag);
    if (evidence === undefined || needed === undefined) return settle(undefined);
    return gatherEvidence(needed, program, bag, evidence).then(settle);
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

function judge(
  program: Program,
  bag: AttributeBag,
  id: string,
  options: CheckOptions,
  gathered: Gathered | undefined,
): Answer {
  const verdict = decide(program, bag, gathered?.evidence);
  const said = gathered === undefined ? undefined : outcomeOf(verdict, gathered.heard);
  const { effect, policy, rule, revision, error, audit, shadow } = verdict;
  const { reason = verdict.reason, status = verdict.status } = said ?? {};
  const { allow: shadowAllow = '', deny: shadowDeny = '' } = shadow ?? {};
  const marks = { audit, shadowAllow, shadowDeny };
  const decision = { id, effect, policy, rule, revision: BigInt(revision), reason, httpStatus: status, ...marks };
  const references = withBinding(joinReferences(verdict.referenced, gathered?.references ?? []), bag);
  const directive = said === undefined ? directiveOf(verdict) : said.directive;
  const validity = !verdict.lasting || gathered?.lasting === false ? once : decided;
  if (error !== undefined) options.onFailed(error, decision);
  return { decision, references, validity, directive };
}

function nothingInForce(): GarrisonError {
  return new GarrisonError('UNAVAILABLE', 'no policy documents are in force yet', {
    remedy: 'mend the documents; `/revision` of the admin port says what is wrong with them',
  });
}
