import { type Address, isUnix } from '#runtime/address.ts';
import { type Socket, connect as netConnect } from 'node:net';
import { UpstreamFailure } from './upstream-failure.ts';

/** A plain connection, open; rejects with UF where nobody takes it in time. */
export function connectPlain(address: Address, withinMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = netConnect(
      isUnix(address)
        ? { path: address.path, allowHalfOpen: true }
        : { host: address.host, port: address.port, noDelay: true, allowHalfOpen: true },
    );
    const timer = setTimeout(() => fail(new Error(`no connection within ${withinMs} ms`)), withinMs);
    const fail = (cause: Error): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new UpstreamFailure('UF', `cannot connect: ${cause.message}`, { unsent: true, cause }));
    };
    socket.once('error', fail);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', fail);
      resolve(socket);
    });
  });
}
