import type { AdminServer } from '#runtime/admin-server.ts';
import type { Clock } from '#runtime/clock.ts';
import { makeStore, openDatabase } from '#runtime/database.ts';
import { lockFile } from '#runtime/lock-file.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { RenewingIdentity } from '#runtime/identity/renewing-identity.ts';
import type { Logger } from '#runtime/logger.ts';
import type { StateFolder } from '#runtime/state-folder.ts';
import type { Authorities } from './authority/authorities.ts';
import { AuthorityDesk } from './authority/authority-desk.ts';
import { openAuthorities } from './authority/open-authorities.ts';
import type { CaCounts } from './ca-counts.ts';
import { IssuingDesk } from './issuing/desk.ts';
import type { Ledger } from './ledger/port.ts';
import { SqliteLedger } from './ledger/sqlite-ledger.ts';
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
  readonly authorities: Authorities;
  readonly authorityDesk: AuthorityDesk;
  readonly revocations: Revocations;
  readonly registrations: Registrations;
  readonly desk: IssuingDesk;
  readonly tokens: TokenDesk;
  readonly source: SvidSource;
  readonly trust: Trust;
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
  const { trustDomain, instance, ttl, life, serverNames } = settings;
  await using opening = new AsyncDisposableStack();
  // Two authorities with one ledger would each take what the other is about to sign for abandoned.
  opening.use(lockFile(state.join('ca', 'lock')));
  const file = state.join('ca', 'ledger.db');
  const ledger = opening.use(
    makeStore(openDatabase(file, { durable: true }), file, (database) => new SqliteLedger(database)),
  );
  const unfinished = await ledger.abandon(instance);
  if (unfinished > 0) logger.warn('the ledger holds intents of unknown outcome', { certificates: unfinished });
  const press = { ledger, clock };
  const authorityOptions = { ...press, trustDomain, instance, life, state, passphrase, logger };
  const authorities = await openAuthorities(authorityOptions);
  const authorityDesk = new AuthorityDesk(authorityOptions, authorities);
  const revocations = await Revocations.open(ledger, clock);
  const tokens = new TokenDesk(ledger, clock, authorities);
  const writable = ledgerReadiness(admin, logger);
  const desk = new IssuingDesk({
    ...press,
    authorities,
    trustDomain,
    instance,
    ttl,
    onIssued: (leaf, { caller, grant, redeem }) => {
      writable(undefined);
      if (redeem !== undefined) tokens.redeemed();
      counts.issued(caller);
      logger.info('certificate issued', { id: leaf.id, serial: leaf.serial, caller, grant, expires: leaf.notAfter });
    },
    onFailed: (error) => {
      writable(error);
      counts.failed(error);
    },
  });
  const source = ownSvids({ desk, authorities, clock, onMinted: () => counts.minted() });
  const trust = ownTrust(authorities, trustDomain);
  const changes = new Changes();
  const registrations = new Registrations();
  registrations.onChange(() => changes.bump());
  const keeper = opening.use(new SvidKeeper({ source, clock, logger, changes, random }));
  const identity = opening.use(
    await ownIdentity({ desk, authorities, revocations, trustDomain, serverNames, clock, logger, random }),
  );
  revocations.onChange(() => changes.bump());
  authorities.onChange(() => {
    changes.bump();
    const spent = authorities.all.filter(({ state: now }) => now === 'tainted' || now === 'revoked');
    void keeper.renewUnder(new Set(spent.map(({ id }) => id)));
  });
  const all = opening.move();
  const dispose = (): Promise<void> => all.disposeAsync();
  return {
    ledger,
    authorities,
    authorityDesk,
    revocations,
    registrations,
    desk,
    tokens,
    source,
    trust,
    keeper,
    changes,
    identity,
    [Symbol.asyncDispose]: dispose,
  };
}

/** While the ledger cannot be written nothing is signed, and `/readyz` says why. */
function ledgerReadiness(admin: AdminServer, logger: Logger): (error: unknown) => void {
  let clear: (() => void) | undefined;
  return (error) => {
    if (error === undefined) {
      clear?.();
      clear = undefined;
    } else if (error instanceof GarrisonError && error.code === 'UNAVAILABLE') {
      clear ??= admin.readiness.pending(`ledger: ${error.message}`);
      logger.error('certificate not issued', { error });
    }
  };
}
