import { DatabaseSync } from 'node:sqlite';
import { MemoryAuditStore } from '#services/telemetry/audit/memory-store.ts';
import { SqliteAuditStore } from '#services/telemetry/audit/sqlite-store.ts';
import { auditStoreSuite } from './audit-store-suite.ts';

auditStoreSuite('memory audit store', () => new MemoryAuditStore());
auditStoreSuite(
  'sqlite audit store',
  () => new SqliteAuditStore({ database: new DatabaseSync(':memory:'), place: ':memory:' }),
);
