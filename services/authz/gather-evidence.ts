import { editedHeaders } from '#policies/decide/provider-headers.ts';
import { tokensAfter } from '#policies/decide/requirements.ts';
import { requirements, verifyTokens } from '#policies/index.ts';
import type {
  Evidence,
  HeaderEdit,
  KeySource,
  Program,
  ProviderAnswer,
  Requirements,
  TokenOutcome,
} from '#policies/index.ts';
import type { AttributeBag, Reference } from '#proto/attributes/index.ts';
import { HeaderOperation_Operation as Operation } from '#proto/gen/istio/mixer/v1/mixer.ts';
import type { HeaderOperation } from '#proto/gen/istio/mixer/v1/mixer.ts';
import type { Clock } from '#runtime/clock.ts';
import { questionAbout } from './providers/ask-about.ts';
import type { Heard, ProviderStore } from './providers/provider-store.ts';
import { tokenReferences } from './token-references.ts';

export interface EvidenceSources {
  readonly keys: KeySource;
  readonly providers: Pick<ProviderStore, 'ask'>;
  readonly clock: Clock;
}

/** What was found out for one request, and what the answer owes to it. */
export interface Gathered {
  readonly evidence: Evidence;
  /** In the order in which the decision considers them. */
  readonly heard: readonly Heard[];
  /** What was read for it, beside what the verdict itself depends on. */
  readonly references: readonly Reference[];
  /** Whether the same request would find out the same: not where others were asked, or could not be. */
  readonly lasting: boolean;
}

const needing = new WeakMap<Program, boolean>();

/** What has to be found out; undefined for nearly every request, and without a look at it where no document asks for any. */
export function evidenceNeeded(program: Program, bag: AttributeBag): Requirements | undefined {
  let needs = needing.get(program);
  if (needs === undefined) {
    const { requestAuthentication, authorization } = program.set;
    needs = requestAuthentication.length > 0 || authorization.some(({ action }) => action === 'CUSTOM');
    needing.set(program, needs);
  }
  if (!needs) return undefined;
  const required = requirements(program, bag);
  return required.tokens === undefined && required.providers.length === 0 ? undefined : required;
}

/**
 * Asks the providers, and verifies the tokens meanwhile. Where a provider changes headers the tokens are looked for again:
 * they come after CUSTOM, and a provider may have put one there. Never rejects: what could not be found out is not there.
 */
export async function gatherEvidence(
  required: Requirements,
  program: Program,
  bag: AttributeBag,
  sources: EvidenceSources,
): Promise<Gathered> {
  let lasting = required.providers.length === 0;
  const keys: KeySource = {
    keysFor: (rule, unknownKid) =>
      sources.keys.keysFor(rule, unknownKid).catch((error: unknown) => {
        lasting = false;
        throw error;
      }),
  };
  const nowMs = sources.clock.now().getTime();
  const { tokens } = required;
  const verified = (wanted: Requirements['tokens']): Promise<TokenOutcome | undefined> =>
    wanted === undefined ? Promise.resolve(undefined) : verifyTokens(wanted, { keys, nowMs }).catch(() => undefined);
  const [asSent, heard] = await Promise.all([verified(tokens), askAll(required, program, bag, sources, nowMs)]);
  const headers = editedHeaders(bag, heard.flatMap(editsOf));
  const outcome = headers === undefined ? asSent : await verified(tokensAfter(program, bag, headers));
  return {
    evidence: { tokens: outcome, providers: answersOf(heard), headers },
    heard,
    references: tokens === undefined ? [] : tokenReferences(tokens, bag),
    lasting,
  };
}

async function askAll(
  wanted: Requirements,
  program: Program,
  bag: AttributeBag,
  { providers }: EvidenceSources,
  nowMs: number,
): Promise<Heard[]> {
  const required = wanted.providers;
  if (required.length === 0) return [];
  const question = questionAbout(bag, nowMs, wanted);
  return Promise.all(required.map((provider) => providers.ask(provider, question, program.set)));
}

function editsOf({ reply }: Heard): HeaderEdit[] {
  return reply.effect === 'allow' ? reply.request.map(editOf) : [];
}

function editOf({ operation, name, value }: HeaderOperation): HeaderEdit {
  if (operation === Operation.REMOVE) return { operation: 'remove', name, value };
  return { operation: operation === Operation.APPEND ? 'append' : 'replace', name, value };
}

function answersOf(heard: readonly Heard[]): Map<string, ProviderAnswer> {
  const answers = new Map<string, ProviderAnswer>();
  for (const { handler, reply } of heard) answers.set(handler, reply.effect);
  return answers;
}
