import { existsSync } from 'node:fs';
import path from 'node:path';
import { encodePem } from '#ca/pem.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { OnExposed } from '#runtime/config/read-secret-file.ts';
import { readPassphrase } from '#runtime/config/secrets.ts';
import { lockFile } from '#runtime/lock-file.ts';
import type { Logger } from '#runtime/logger.ts';
import { StateFolder } from '#runtime/state-folder.ts';
import { makeAuthority } from '../authority/own-source.ts';
import type { FreshKey, KeyStore } from '../keys/key-store.ts';
import { openKeys } from '../keys/open-keys.ts';
import { openLedger } from '../ledger/open-ledger.ts';
import type { ReadPlan } from './ceremony-plan.ts';
import { describeCeremony, writeReport, type CeremonyReport } from './report.ts';
import { openRootKeys, type RootKeys } from './root-keys.ts';

interface Around {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly version: string;
  readonly onExposed: OnExposed;
}

/** A root and the intermediate under it, once and for all: on the record, and in a report that the root signs. */
export async function runCeremony(read: ReadPlan, around: Around): Promise<CeremonyReport> {
  const { plan } = read;
  const { clock, logger, version, onExposed } = around;
  refuseOverwriting(plan.report, path.join(plan.root.folder, 'root.pem'));
  const state = StateFolder.open(plan.state);
  const folder = StateFolder.open(plan.root.folder, 'root.folder');
  await using opening = new AsyncDisposableStack();
  opening.use(lockFile(state.join('ca', 'lock')));
  const settings = { database: undefined, databasePasswordFile: undefined, instance: 1 };
  const ledger = opening.use(await openLedger(settings, { state, clock, logger }));
  if ((await ledger.listAuthorities()).records.length > 0) {
    throw new GarrisonError('ALREADY_EXISTS', `the state folder \`${plan.state}\` holds an authority already`, {
      place: 'state',
      remedy: 'name an empty folder; an authority that exists gets a new root by `garrison identity rotate`',
    });
  }
  const rootKeys = opening.use(await openRootKeys(plan, around));
  const { trustDomain, root, issuing } = plan;
  const passphrase = readPassphrase(issuing.passphraseFile, 'issuing.passphraseFile', onExposed);
  const issuer = { state, passphrase, trustDomain, clock, onHealth: () => undefined, onExposed };
  const own = opening.use(await openKeys(issuing.keys, issuer));
  const made: Partial<Record<'root', FreshKey>> = {};
  const keys = keysApart(rootKeys, own, (key) => (made.root = key));
  const life = { rootSeconds: root.lifeSeconds, issuingSeconds: issuing.lifeSeconds };
  const begun = clock.now();
  const record = await makeAuthority({ ledger, clock, trustDomain, instance: () => 1, life, keys, state }, 'active');
  await ledger.putAuthorities([record]);
  folder.write('root.pem', encodePem('CERTIFICATE', record.root), 0o644);
  const report = describeCeremony(read, record, { begun, ended: clock.now(), version });
  if (made.root === undefined) throw new GarrisonError('INTERNAL', 'the ceremony made no root key');
  await writeReport(plan.report, report, made.root.signer);
  return report;
}

/** The root's key is made where it will be kept, the others where the authority will look for them. */
function keysApart(root: RootKeys, own: KeyStore, onRoot: (key: FreshKey) => void): KeyStore {
  return {
    make: async (role) => {
      if (role !== 'root') return own.make(role);
      const key = await root.make();
      onRoot(key);
      return key;
    },
    open: (place) => (place.role === 'root' ? root.open(place.key) : own.open(place)),
    has: (place) => own.has(place),
    remove: (place) => own.remove(place),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function refuseOverwriting(...files: readonly string[]): void {
  const there = files.find((file) => existsSync(file));
  if (there === undefined) return;
  throw new GarrisonError('ALREADY_EXISTS', `\`${there}\` is there already`, {
    remedy: 'a ceremony is done once: name other places, or take away what a former one left',
  });
}
