/**
 * Keys of advisory locks; any numbers that no other program on the same database would take.
 * `schema`: who makes the tables. `order`: who hands out positions, so that they become visible in their order.
 * `opening`: who starts. `authorities`: who changes them. `instances`: who claims or clears up an instance.
 * `forwarding`: who tells the audit log.
 */
export const locks = {
  schema: 7_234_101,
  order: 7_234_102,
  opening: 7_234_105,
  forwarding: 7_234_106,
  authorities: 7_234_103,
  instances: 7_234_104,
} as const;

/** Channel of LISTEN/NOTIFY. */
export const channel = 'garrison_ledger';

/** What may have changed, and who changed it: `KIND HOLDER`. */
export const noticeKinds = ['authorities', 'revocations', 'tokens'] as const;
export type NoticeKind = (typeof noticeKinds)[number];

/** SQLSTATE that `garrison.record` raises where the lease has gone to somebody else. */
export const leaseLost = 'GA001';
