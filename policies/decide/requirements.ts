import type { AttributeBag } from '#proto/attributes/index.ts';
import type { Program } from '../compile/program.ts';
import type { WorkloadProgram } from '../compile/workload-program.ts';
import { findTokens, isPreflight } from '../tokens/locations.ts';
import { spellingsIn } from '../tokens/no-token.ts';
import type { TokenRequest } from '../tokens/verify-tokens.ts';
import { verifyTokens } from '../tokens/verify-tokens.ts';
import type { TokenPorts } from '../tokens/verify-tokens.ts';
import { customRule, refuseMalformed } from './decide.ts';
import type { Evidence, HeaderLines, ProviderAnswer } from './evidence.ts';
import { Facts } from './facts.ts';
import { editedHeaders } from './provider-headers.ts';
import type { HeaderEdit } from './provider-headers.ts';
import { refusePeer } from './refuse-peer.ts';
import { programOf } from './workload-of.ts';

/** What has to be found out before a request can be decided. */
export interface Requirements {
  /** Tokens to verify; undefined: none. */
  readonly tokens: TokenRequest | undefined;
  /** CUSTOM providers to ask, by name. */
  readonly providers: readonly RequiredProvider[];
  /** It is a request of HTTP that is decided. */
  readonly http: boolean;
  /** The path as rules read it, with the query: what a provider is asked about, as upstream. */
  readonly path: string | undefined;
}

export interface RequiredProvider {
  readonly name: string;
  /** Policy whose rule matched, `namespace/name`. */
  readonly policy: string;
  /** The Handler that is meant, `namespace/name`; undefined: there is none. */
  readonly handler: string | undefined;
}

const nothing: Requirements = { tokens: undefined, providers: [], http: false, path: undefined };

/** Nothing for a request that is refused anyway, and nothing where an error occurs: decide meets the same error and denies. */
export function requirements(program: Program, bag: AttributeBag): Requirements {
  try {
    const workload = programOf(program, bag);
    if (workload.isSelfContained) return nothing;
    const facts = new Facts(bag, program.settings);
    facts.begin(workload.settings);
    if (refusePeer(workload.peers, facts) !== undefined || refuseMalformed(facts, true) !== undefined) return nothing;
    const { http } = facts;
    const path = facts.pathAndQuery();
    return { providers: providersFor(workload, facts), tokens: tokensFor(workload, facts), http, path };
  } catch {
    return nothing;
  }
}

/** The tokens of a request whose headers providers have changed. */
export function tokensAfter(program: Program, bag: AttributeBag, headers: HeaderLines): TokenRequest | undefined {
  try {
    const workload = programOf(program, bag);
    const facts = new Facts(bag, program.settings);
    facts.begin(workload.settings);
    if (refuseMalformed(facts, true) !== undefined) return undefined;
    facts.rewriteHeaders(headers);
    return tokensFor(workload, facts);
  } catch {
    return undefined;
  }
}

function providersFor(workload: WorkloadProgram, facts: Facts): RequiredProvider[] {
  const { custom } = facts.http ? workload.http : workload.tcp;
  if (custom.length > 1 && !facts.settings.strict) return [];
  return custom.flatMap(({ provider, handler, index }) => {
    const rule = customRule(index, facts);
    return rule === undefined ? [] : [{ name: provider, policy: rule.policy, handler }];
  });
}

function tokensFor(workload: WorkloadProgram, facts: Facts): TokenRequest | undefined {
  const rules = workload.tokens;
  if (rules === undefined || !facts.http || isPreflight(facts)) return undefined;
  const found = findTokens(rules, facts);
  if (found.length === 0) return undefined;
  const cookies = facts.header('cookie', 'plain') ?? [];
  return {
    rules,
    found,
    path: facts.pathAndQuery(),
    cookies: typeof cookies === 'string' ? [cookies] : cookies,
    spellings: spellingsIn(rules, facts),
  };
}

export interface EvidencePorts extends TokenPorts {
  /** Asks a CUSTOM provider; a rejection counts as no answer, which denies. One that allows may change headers. */
  ask(provider: RequiredProvider): Promise<ProviderAnswer | { readonly headers: readonly HeaderEdit[] }>;
}

/** Finds out all that is required. */
export async function gatherEvidence(program: Program, bag: AttributeBag, ports: EvidencePorts): Promise<Evidence> {
  const required = requirements(program, bag);
  if (required === nothing) return {};
  const answers = await Promise.all(required.providers.map((provider) => ports.ask(provider).catch(() => undefined)));
  const given = required.providers.flatMap(({ name, handler = name }, index): [string, ProviderAnswer][] => {
    const answer = answers[index];
    return answer === undefined ? [] : [[handler, typeof answer === 'string' ? answer : 'allow']];
  });
  const edits = answers.flatMap((answer) => (typeof answer === 'object' ? answer.headers : []));
  const headers = editedHeaders(bag, edits);
  const tokens = headers === undefined ? required.tokens : tokensAfter(program, bag, headers);
  return {
    tokens: tokens === undefined ? undefined : await verifyTokens(tokens, ports),
    providers: new Map(given),
    ...(headers === undefined ? {} : { headers }),
  };
}
