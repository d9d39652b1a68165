import type { Allowance } from '#runtime/allowance.ts';
import { grpcStatus } from '#proto/errors/index.ts';
import { connectionAttributes } from '../attributes.ts';
import type { Connection } from '../connection.ts';
import { ownRefusal } from '../decide/decider.ts';
import { addDecision, reportBag } from '../report/outcome.ts';
import type { SidecarParts } from '../sidecar-parts.ts';
import type { RefusedConnection } from './refusal.ts';

type Parts = Pick<SidecarParts, 'workload' | 'identity' | 'reporter' | 'counts' | 'clock' | 'newId'> & {
  readonly port: number;
  /** How many of them are audited; all are counted. */
  readonly records: Allowance;
};

/** Anybody can be refused as often as he connects, and the audit is for ever. */
export const refusalRecords = { burst: 200, perSecond: 20 } as const;

/** A connection that was not let in is logged, counted and audited like a request that was denied. */
export function reportRefused(parts: Parts, refused: RefusedConnection): void {
  const { reason, transport, remote, local, proxied, claimed, serverName } = refused;
  const connection: Connection = {
    transport,
    remote,
    local,
    proxied,
    serverName,
    peer: undefined,
    fingerprint: undefined,
    peerExpires: undefined,
  };
  tell(parts, connection, claimed === undefined ? reason : `${reason} (it showed ${claimed})`);
}

/** What came over a connection was no protocol that can be read. */
export function reportBroken(parts: Parts, connection: Connection, reason: string): void {
  tell(parts, connection, `not readable: ${reason}`);
}

function tell(parts: Parts, connection: Connection, reason: string): void {
  const { workload, identity, port, clock, reporter, counts, newId } = parts;
  const { address } = connection.remote;
  const client = connection.proxied?.source?.address;
  counts.refused(connection.transport, { reason, from: address, client, peer: connection.peer?.toString() });
  const skipped = parts.records.take();
  if (skipped === undefined) return;
  const told = skipped === 0 ? reason : `${reason}; ${skipped} refused connections before it are not recorded`;
  const facts = { connection, workload, port, now: clock.now(), identity: identity.current().spiffeId };
  const attributes = connectionAttributes(facts);
  addDecision(attributes, ownRefusal(newId(), 403, grpcStatus.UNAUTHENTICATED, told));
  reporter.add(reportBag(attributes));
}
