import type { AdminServer } from '#runtime/admin-server.ts';
import type { Clock } from '#runtime/clock.ts';
import { warnOfExposed } from '#runtime/config/read-secret-file.ts';
import { lockFile } from '#runtime/lock-file.ts';
import type { RenewingIdentity } from '#runtime/identity/renewing-identity.ts';
import type { Logger } from '#runtime/logger.ts';
import type { StateFolder } from '#runtime/state-folder.ts';
import type { Authorities } from './authority/authorities.ts';
import { AuthorityDesk } from './authority/authority-desk.ts';
import { openSource, type OpenSource } from './authority/open-source.ts';
import { openAuthorities } from './authority/open-authorities.ts';
import type { CaCounts } from './ca-counts.ts';
import { Federation } from './federation/federation.ts';
import { followOthers } from './follow-others.ts';
import { readBlockedKeys, type KeyCheck } from './issuing/blocked-keys.ts';
import { IssuingDesk } from './issuing/desk.ts';
import { Underway } from './issuing/underway.ts';
import { BorrowedKeys } from './keys/borrowed-keys.ts';
import { tokenReadiness } from './keys/token-readiness.ts';
import { JwtDesk } from './jwt-authority/jwt-desk.ts';
import { openKeys } from './keys/open-keys.ts';
import { LedgerReadiness } from './ledger/ledger-readiness.ts';
import { instanceOf, openLedger } from './ledger/open-ledger.ts';
import type { Ledger } from './ledger/port.ts';
import { isShared } from './ledger/shared-ledger.ts';
import { Registrations } from '#services/workload/registrations.ts';
import { Revocations } from './revocations.ts';
import { ownIdentity } from './serving/own-identity.ts';
import { ownSvids } from './serving/own-svids.ts';
import { ownTrust } from './serving/own-trust.ts';
import type { CaSettings } from './settings.ts';
import { TokenDesk } from './tokens/token-desk.ts';
import { Changes } from '#services/workload/changes.ts';
import { SvidKeeper } from '#services/workload/svid-keeper.ts';
import type { SvidSource } from '#services/workload/svid-source.ts';
import type { Trust } from '#services/workload/trust.ts';

export interface CaSurroundings {
  readonly state: StateFolder;
  readonly passphrase: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Between 0 and 1, for the jitter of renewals. */
  readonly random: () => number;
}

/** Everything that issues, without anything that listens. */
export interface CaCore extends AsyncDisposable {
  readonly ledger: Ledger;
  readonly underway: Underway;
  readonly authorities: Authorities;
  readonly authorityDesk: AuthorityDesk;
  readonly jwtDesk: JwtDesk;
  /** Where authorities come from. */
  readonly origin: OpenSource;
  readonly instance: () => number;
  readonly checkKey: KeyCheck;
  readonly revocations: Revocations;
  readonly registrations: Registrations;
  readonly desk: IssuingDesk;
  readonly tokens: TokenDesk;
  readonly source: SvidSource;
  readonly trust: Trust;
  readonly federation: Federation;
  readonly keeper: SvidKeeper;
  readonly changes: Changes;
  readonly identity: RenewingIdentity;
}

export async function openCaCore(
  settings: CaSettings,
  around: CaSurroundings,
  counts: CaCounts,
  admin: AdminServer,
): Promise<CaCore> {
  const { state, clock, logger, random, passphrase } = around;
  const { trustDomain, ttl, life, serverNames } = settings;
  await using opening = new AsyncDisposableStack();
  // Two authorities in one folder would each take what the other is about to sign for abandoned.
  opening.use(lockFile(state.join('ca', 'lock')));
  const ledger = opening.use(await openLedger(settings, around));
  const instance = (): number => instanceOf(ledger, settings);
  const onHealth = tokenReadiness(admin, logger);
  const onExposed = warnOfExposed(logger);
  const kept = await openKeys(settings.keys, { state, passphrase, trustDomain, clock, onHealth, onExposed });
  const keys = opening.use(new BorrowedKeys(kept));
  // Before keys and ledger close, and after everything that asks for signatures.
  const underway = opening.use(new Underway());
  const press = { ledger, clock, underway };
  const ceremony = { ...press, trustDomain, instance, life, state, keys, logger };
  const origin = opening.use(openSource(settings, { ...ceremony, passphrase, random }));
  const authorityOptions = { ...ceremony, source: origin.source };
  const open = (): Promise<Authorities> => openAuthorities(authorityOptions);
  const authorities = isShared(ledger) ? await ledger.exclusively(open) : await open();
  const authorityDesk = new AuthorityDesk(authorityOptions, authorities);
  const jwtDesk = new JwtDesk({ desk: authorityDesk, authorities, keys: authorityOptions.keys, clock });
  const revocations = await Revocations.open(ledger, trustDomain, clock, origin.source.inherited?.());
  const tokens = new TokenDesk(ledger, clock, authorities);
  opening.defer(followOthers(ledger, { authorityDesk, revocations, tokens, logger }));
  const writable = opening.use(new LedgerReadiness(ledger, { readiness: admin.readiness, clock, logger }));
  const checkKey = readBlockedKeys(settings.blockedKeys);
  const desk = new IssuingDesk({
    ...press,
    checkKey,
    authorities,
    trustDomain,
    instance,
    ttl,
    onIssued: (leaf, { caller, grant, redeem }) => {
      if (redeem !== undefined) tokens.redeemed();
      counts.issued(caller);
      logger.info('certificate issued', { id: leaf.id, serial: leaf.serial, caller, grant, expires: leaf.notAfter });
    },
    onFailed: (error) => {
      writable.failed(error);
      counts.failed(error);
    },
  });
  const issuer = settings.oidcDiscovery?.issuer;
  const source = ownSvids({ desk, authorities, ledger, issuer, clock, onMinted: () => counts.minted() });
  const federation = opening.use(
    new Federation({
      ...around,
      trustDomain,
      relationships: settings.federation,
      ownRoots: () => authorities.bundle(),
      onFetched: counts.bundleFetched,
    }),
  );
  const trust = ownTrust(authorities, federation, trustDomain);
  const changes = new Changes();
  const registrations = new Registrations();
  registrations.onChange(() => changes.bump());
  federation.onChange(() => changes.bump());
  const keeper = opening.use(new SvidKeeper({ source, clock, logger, random }));
  const identity = opening.use(
    await ownIdentity({ desk, authorities, revocations, trustDomain, serverNames, clock, logger, random }),
  );
  revocations.onChange(() => {
    changes.bump();
    void keeper.renewRevoked(revocations.serials);
    void keeper.renewUnder(new Set(revocations.spent(authorities)));
  });
  authorities.onChange(() => {
    changes.bump();
    void keeper.renewUnder(new Set(revocations.spent(authorities)));
  });
  const all = opening.move();
  const dispose = (): Promise<void> => all.disposeAsync();
  return {
    ledger,
    underway,
    authorities,
    authorityDesk,
    jwtDesk,
    origin,
    instance,
    checkKey,
    revocations,
    registrations,
    desk,
    tokens,
    source,
    trust,
    federation,
    keeper,
    changes,
    identity,
    [Symbol.asyncDispose]: dispose,
  };
}
