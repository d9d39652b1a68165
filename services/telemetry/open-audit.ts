import type { Clock } from '#runtime/clock.ts';
import { makeStore, openDatabase } from '#runtime/database.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Readiness } from '#runtime/readiness.ts';
import type { AuditStore } from './audit/audit-store.ts';
import { GuardedStore } from './audit/guarded-store.ts';
import { keepFor } from './audit/keep-for.ts';
import { SqliteAuditStore } from './audit/sqlite-store.ts';

export interface AuditWorld {
  readonly readiness: Readiness;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Audit extends AsyncDisposable {
  readonly store: AuditStore;
  /** Where reports go: the store, with its troubles told to /readyz. */
  readonly guarded: GuardedStore;
}

const probeEveryMs = 2000;

/** The audit database, with a retention if there is one. */
export function openAudit(file: string, retentionMs: number | undefined, world: AuditWorld): Audit {
  const { clock, logger } = world;
  const store = openStore(file);
  const guarded = new GuardedStore({ store, ...world, probeEveryMs });
  const end = new AbortController();
  const keeping =
    retentionMs === undefined ? Promise.resolve() : keepFor(retentionMs, { store, clock, logger, signal: end.signal });
  return {
    store,
    guarded,
    async [Symbol.asyncDispose]() {
      end.abort();
      await keeping;
      await guarded[Symbol.asyncDispose]();
    },
  };
}

function openStore(file: string): SqliteAuditStore {
  return makeStore(
    openDatabase(file, { durable: true }),
    file,
    (database) => new SqliteAuditStore({ database, place: file }),
  );
}
