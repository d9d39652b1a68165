import type { Address } from '#runtime/address.ts';
import type { Duplex } from 'node:stream';
import { H2Server } from '../http/h2-server.ts';
import { NodeHttpServer } from '../http/node-server.ts';
import type { ActiveRevision } from '../revision/active-revision.ts';
import type { SidecarParts } from '../sidecar-parts.ts';
import { Balancer } from './balancer.ts';
import { OutboundListener } from './listener.ts';
import { Pools } from './pools.ts';
import { serveConnect } from './serve-connect.ts';
import { type OutboundServing, serveOutbound } from './serve-outbound.ts';

export interface OutboundParts extends SidecarParts {
  readonly revision: () => ActiveRevision | undefined;
  /** Calls back for every new revision. */
  readonly onRevision: (listener: () => void) => void;
}

export interface Outbound {
  readonly address: Address;
  drain(deadline: AbortSignal): Promise<void>;
}

/** The outbound listener and everything behind it, serving when this resolves. */
export async function composeOutbound(listen: Address, parts: OutboundParts): Promise<Outbound> {
  const { limits, identity, clock, counts, revision } = parts;
  const pools = new Pools(identity, limits, (names, reason) => counts.ended('outbound', names, reason));
  const balancer = new Balancer(clock);
  parts.onRevision(() => {
    // Who may answer for a service may have changed, and what was connected under the old documents does not know.
    pools.retireAll();
    balancer.reset();
  });
  const serving: OutboundServing = {
    ...parts,
    pools,
    balancer,
    findRoute: (host, port) => revision()?.findRoute(host, port),
  };
  const handle = serveOutbound(serving);
  const onBroken = (_connection: unknown, reason: string): void => counts.unreadable(reason);
  const onFault = (error: unknown): void => counts.fault(error);
  const streams = new Map<Duplex, Promise<void>>();
  const servers = {
    http1: new NodeHttpServer({
      limits,
      handle,
      onBroken,
      onFault,
      onConnect: (request, socket, connection) => {
        const stream = serveConnect(serving, request.url ?? '', socket, connection);
        streams.set(
          socket,
          stream.finally(() => streams.delete(socket)),
        );
      },
    }),
    h2: new H2Server({ limits, handle, onBroken, onFault }),
  };
  const listener = new OutboundListener({
    limits,
    ready: () => revision() !== undefined,
    onConnection: (socket, connection, wire) => servers[wire].accept(socket, connection),
  });
  const address = await listener.listen(listen);
  return {
    address,
    drain: async (deadline) => {
      listener[Symbol.dispose]();
      deadline.addEventListener('abort', () => streams.forEach((_stream, socket) => socket.destroy()), { once: true });
      await Promise.all([servers.http1.drain(deadline), servers.h2.drain(deadline), ...streams.values()]);
      pools[Symbol.dispose]();
    },
  };
}
