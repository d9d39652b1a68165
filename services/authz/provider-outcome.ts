import type { Verdict } from '#policies/index.ts';
import type { HeaderOperation, RouteDirective } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { directiveOf } from './directive.ts';
import type { Heard } from './providers/provider-store.ts';
import type { Refusal } from './providers/reply.ts';

/** What providers add to a verdict. */
export interface ProviderOutcome {
  readonly reason: string;
  /** HTTP status for the caller. */
  readonly status: number;
  readonly directive: RouteDirective | undefined;
}

/** A refusal is the provider's, in its words; a pass that nobody gave is named in the reason, which goes into the audit. */
export function outcomeOf(verdict: Verdict, heard: readonly Heard[]): ProviderOutcome {
  const directive = directiveOf(verdict);
  const passes = heard.filter(({ reply, fault }) => reply.effect === 'allow' && fault !== undefined);
  const noted = passes.map(
    ({ provider, fault }) => `; provider \`${provider}\` gave no answer (${fault ?? ''}) and failureMode lets pass`,
  );
  const reason = verdict.reason + noted.join('');
  // The first that does not allow ends the decision; nothing of what the others said comes into force.
  const refused = heard.find(({ reply }) => reply.effect === 'deny');
  if (refused?.reply.effect === 'deny' && verdict.error === undefined) {
    const why = refused.fault === undefined ? '' : `: ${refused.fault}`;
    return { reason: reason + why, status: refused.reply.status, directive: refusalDirective(refused.reply) };
  }
  return {
    reason,
    status: verdict.status,
    directive: verdict.effect === 'allow' ? merged(directive, heard) : directive,
  };
}

function refusalDirective({ status, response, body }: Refusal): RouteDirective | undefined {
  if (response.length === 0 && body === '' && status >= 400) return undefined;
  return {
    requestHeaderOperations: [],
    responseHeaderOperations: response,
    directResponseCode: status,
    directResponseBody: body,
  };
}

/** What providers change, and then what tokens change: a header that claims are written into is nobody else's. */
function merged(own: RouteDirective | undefined, heard: readonly Heard[]): RouteDirective | undefined {
  const ofTokens = new Set(own?.requestHeaderOperations.map(({ name }) => name));
  const request: HeaderOperation[] = [];
  const response: HeaderOperation[] = [];
  for (const { reply } of heard) {
    if (reply.effect !== 'allow') continue;
    request.push(...reply.request.filter(({ name }) => !ofTokens.has(name)));
    response.push(...reply.response);
  }
  if (request.length === 0 && response.length === 0) return own;
  return {
    requestHeaderOperations: [...request, ...(own?.requestHeaderOperations ?? [])],
    responseHeaderOperations: [...response, ...(own?.responseHeaderOperations ?? [])],
    directResponseCode: 0,
    directResponseBody: '',
  };
}
