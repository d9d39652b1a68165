import { type Address, isUnix } from '#runtime/address.ts';
import { Allowance } from '#runtime/allowance.ts';
import type { Socket } from 'node:net';
import { connectPlain } from '../connect.ts';
import type { Connection } from '../connection.ts';
import type { Decider } from '../decide/decider.ts';
import { H2Client } from '../http/h2-client.ts';
import { H2Server } from '../http/h2-server.ts';
import { Http2OrOlder } from '../http/http2-or-older.ts';
import { NodeHttpClient } from '../http/node-client.ts';
import { NodeHttpServer } from '../http/node-server.ts';
import type { ActiveRevision } from '../revision/active-revision.ts';
import type { SidecarParts } from '../sidecar-parts.ts';
import { InboundListener, type Protocol } from './listener.ts';
import { refusalRecords, reportBroken, reportRefused } from './report-refused.ts';
import { serveInbound } from './serve-request.ts';
import { serveTcp } from './serve-tcp.ts';

export interface InboundSettings {
  readonly listen: Address;
  readonly app: Address;
  readonly protocol: Protocol;
  readonly proxyProtocol?: { readonly from: readonly string[] } | undefined;
}

export interface InboundParts extends SidecarParts {
  readonly decider: Decider;
  readonly revision: () => ActiveRevision | undefined;
  readonly revealReasons: boolean;
}

export interface Inbound {
  readonly address: Address;
  drain(deadline: AbortSignal): Promise<void>;
}

/** A connection to the application that stays idle longer than this is not used again: applications close theirs early. */
const appKeepAliveMs = 3_000;

/** One inbound port and everything behind it, serving when this resolves. */
export async function composeInbound(settings: InboundSettings, index: number, parts: InboundParts): Promise<Inbound> {
  const { limits, revision } = parts;
  const port = isUnix(settings.app) ? portOf(settings.listen) : settings.app.port;
  const open = (): Promise<Awaited<ReturnType<typeof connectPlain>>> => connectPlain(settings.app, limits.connectMs);
  const http1 = new NodeHttpClient({
    open,
    idleMs: limits.idleMs,
    keepAliveMs: appKeepAliveMs,
    maxHeaderBytes: limits.headerBytes,
  });
  const http2 = new H2Client({ open, idleMs: limits.idleMs, greetingMs: limits.connectMs });
  const upToHttp2 = settings.protocol === 'auto' ? new Http2OrOlder(http2, http1) : http2;
  const handle = serveInbound({
    ...parts,
    port,
    application: (version) => (version === '2' ? upToHttp2 : http1),
    serviceOf: (host) => revision()?.ownService(host),
    isWritten: (name) => revision()?.isWritten(name) === true,
    isAskedAbout: (name) => revision()?.isAskedAbout(name) === true,
    readTarget: (method, target) =>
      revision()?.readTarget(method, target) ?? { fault: 'no policy revision is in force yet' },
  });
  const refusals = { ...parts, port, records: new Allowance(parts.clock, refusalRecords) };
  const behind = {
    limits,
    handle,
    onBroken: (connection: Connection, reason: string) => reportBroken(refusals, connection, reason),
    onFault: (error: unknown) => parts.counts.fault(error),
  };
  const servers = {
    http1: new NodeHttpServer(behind),
    h2: new H2Server(behind),
  };
  let listening = portOf(settings.listen);
  const streams = new Map<Socket, Promise<void>>();
  const listener = new InboundListener({
    protocol: settings.protocol,
    mode: () => revision()?.modeFor(port, listening),
    identity: parts.identity,
    limits,
    proxies: settings.proxyProtocol?.from,
    onRefused: (refused) => reportRefused(refusals, refused),
    onEnded: (names, reason) => parts.counts.ended('inbound', names, reason),
    onConnection: (socket, connection, wire) => {
      if (wire === 'http1' || wire === 'h2') {
        servers[wire].accept(socket, connection);
        return;
      }
      const onHttp = (spoken: 'http1' | 'h2'): void => servers[spoken].accept(socket, connection);
      const stream = serveTcp({ ...parts, port, open }, socket, connection, wire === 'silent' ? onHttp : undefined);
      streams.set(
        socket,
        stream.finally(() => streams.delete(socket)),
      );
    },
  });
  const address = await listener.listen(settings.listen, `inbound[${index}].listen`);
  listening = portOf(address);
  return {
    address,
    drain: async (deadline) => {
      listener[Symbol.dispose]();
      deadline.addEventListener('abort', () => streams.forEach((_stream, socket) => socket.destroy()), { once: true });
      await Promise.all([servers.http1.drain(deadline), servers.h2.drain(deadline), ...streams.values()]);
      http1.retire();
      http2.retire();
    },
  };
}

function portOf(address: Address): number {
  return isUnix(address) ? 0 : address.port;
}
