import type { Clock } from '#runtime/clock.ts';
import { newsOf, sameTrust } from '#runtime/identity/follow-trust.ts';
import { isSpent } from '#runtime/identity/is-spent.ts';
import { requestCertificate } from '#runtime/identity/request-certificate.ts';
import { staticIdentity } from '#runtime/identity-source.ts';
import type { Logger } from '#runtime/logger.ts';
import type { StateFolder } from '#runtime/state-folder.ts';
import { Changes } from '#services/workload/changes.ts';
import { Registrations } from '#services/workload/registrations.ts';
import { SvidKeeper } from '#services/workload/svid-keeper.ts';
import type { NodeNews, NodeTrust } from '#proto/gen/garrison/v1/node-entries.ts';
import { type AuthorityLink, GrpcAuthorityLink } from './asking/authority-link.ts';
import type { AuthorityPlaces } from './asking/authority-places.ts';
import { CachedTokens } from './asking/cached-tokens.ts';
import { remoteSvids } from './asking/remote-svids.ts';
import { AuthorityState } from './following/authority-state.ts';
import { followAuthority } from './following/follow-authority.ts';
import { KnownTrust } from './following/known-trust.ts';
import { LastNews } from './following/last-news.ts';
import { whyRefused } from './following/why-refused.ts';
import { toRegistration } from './following/read-entries.ts';
import { NodeIdentity } from './join/node-identity.ts';
import type { WayOfJoining } from './join/way-of-joining.ts';

export interface AgentSurroundings {
  readonly state: StateFolder;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends the waiting for an authority. */
  readonly signal: AbortSignal;
  /** Between 0 and 1, for the jitter of renewals and of new attempts. */
  readonly random: () => number;
}

export interface CoreSettings {
  readonly places: AuthorityPlaces;
  readonly way: WayOfJoining;
  readonly cache: { readonly svids: number; readonly tokens: number };
}

/** Everything that the agent knows and holds, without anything that listens. */
export interface AgentCore extends AsyncDisposable {
  readonly identity: NodeIdentity;
  readonly authority: AuthorityState;
  readonly trust: KnownTrust;
  readonly registrations: Registrations;
  readonly changes: Changes;
  readonly keeper: SvidKeeper;
  /** SVIDs from the authority, the JWT-SVIDs by way of the cache. */
  readonly source: CachedTokens;
}

/** Resolves when this node has an identity; what it may hand out is told by the authority, or by what it said last. */
export async function openAgentCore(settings: CoreSettings, around: AgentSurroundings): Promise<AgentCore> {
  const { places, way, cache } = settings;
  const { state, clock, logger, random } = around;
  await using opening = new AsyncDisposableStack();
  const stop = new AbortController();
  opening.defer(() => stop.abort());
  const signal = AbortSignal.any([around.signal, stop.signal]);
  const identity = opening.use(
    await NodeIdentity.open({
      way,
      file: state.join('node-identity.json'),
      renew: (current, ending) =>
        places.inTurn((ca) => requestCertificate(ca, { kind: 'identity', identity: staticIdentity(current) }, ending)),
      clock,
      logger,
      random,
      signal,
    }),
  );
  const link: AuthorityLink = opening.use(new GrpcAuthorityLink(places, identity));
  const source = new CachedTokens({ source: remoteSvids(link), clock, max: cache.tokens });
  const trust = new KnownTrust(identity.current());
  const authority = new AuthorityState(clock);
  const changes = new Changes();
  const registrations = new Registrations();
  registrations.onChange(() => changes.bump());
  const keeper = opening.use(new SvidKeeper({ source, clock, logger, random, maxIdle: cache.svids }));
  const core = { identity, authority, trust, registrations, changes, keeper, source };

  const last = new LastNews(state, logger);
  const kept = last.load();
  // Of another trust domain, where this node has joined another one since.
  if (kept?.trust?.trustDomain === trust.trustDomain) use(kept, core, logger);
  let turn = new AbortController();
  let shown = identity.current().certificates[0];
  opening.defer(
    identity.onChange(({ certificates: [leaf] }) => {
      if (leaf === shown) return;
      shown = leaf;
      turn.abort();
    }),
  );
  const following = followAuthority(
    {
      hear: (news) => {
        identity.accept();
        authority.heard();
        use(news, core, logger);
        last.keep(news);
      },
      refused: (reason) => {
        identity.refuse(reason);
        authority.lost(reason);
      },
      // The documents are the word on what a node may hand out: what they took away is handed out no more.
      notEntitled: (reason) => {
        authority.lost(reason);
        const nothing = { entries: { entries: [] }, trust: undefined };
        use(nothing, core, logger);
        last.keep(nothing);
      },
      away: async ({ message }, failures) => {
        authority.lost(message);
        const why = await whyRefused(places.current, identity.current(), clock);
        if (why !== undefined) {
          identity.refuse(why);
          authority.lost(why);
        } else if (failures >= 3) identity.doubt();
      },
    },
    {
      link,
      clock,
      logger,
      random,
      signal,
      turn: () => (turn.signal.aborted ? (turn = new AbortController()) : turn).signal,
    },
  );
  opening.defer(async () => {
    stop.abort();
    await following;
  });
  const all = opening.move();
  return { ...core, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

function use({ entries, trust }: NodeNews, core: Omit<AgentCore, keyof AsyncDisposable>, logger: Logger): void {
  if (trust !== undefined) believe(trust, core, logger);
  if (entries === undefined) return;
  core.registrations.replace(entries.entries.map(toRegistration));
  logger.info('entries in force', { entries: entries.entries.length });
}

function believe(
  message: NodeTrust,
  { trust, identity, source, changes, keeper }: Omit<AgentCore, keyof AsyncDisposable>,
  logger: Logger,
): void {
  const tokensBefore = trust.tokenPrint;
  trust.replace(message);
  if (trust.tokenPrint !== tokensBefore) source.clear();
  const news = newsOf(trust.toBundle());
  const { bundle, revoked, refused } = news;
  if (!sameTrust(identity.current(), news)) identity.replaceTrust({ bundle, revoked, refused });
  identity.renewWhere((current) => isSpent(current, news));
  changes.bump();
  void keeper.renewUnder(trust.spent);
  void keeper.renewRevoked(revoked);
  logger.info('trust in force', { sequence: trust.sequence, roots: bundle.length, spent: [...trust.spent] });
}
