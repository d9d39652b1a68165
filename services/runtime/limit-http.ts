import type { Server, IncomingMessage } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { Arrivals, networkOf } from './arrivals.ts';

/** How often a server looks for requests that have taken too long: Node's own half a minute is no limit to speak of. */
export const checkConnectionsEveryMs = 1000;

/** The places of an HTTP server: who has asked nothing yet gives way to those who come later. */
export function limitConnections(server: Server | TlsServer, most: number): void {
  const arrivals = new Arrivals(most);
  server.prependListener('connection', (socket: Socket) => {
    arrivals.arrived(socket, networkOf(socket.remoteAddress ?? 'this host'));
  });
  server.prependListener('request', (request: IncomingMessage) => arrivals.spoke(request.socket));
}
