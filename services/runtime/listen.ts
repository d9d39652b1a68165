import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { type Server, connect } from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import { GarrisonError } from '#proto/errors/index.ts';
import { type Address, formatAddress, isUnix } from './address.ts';
import { makeFolder } from './make-folder.ts';
import { folderModeFor } from './socket-folder.ts';

export interface ListenPlace {
  /** The setting the address comes from, as people write it: `authz.listen`. */
  readonly setting?: string | undefined;
  /** Permissions of a unix socket's file; only its owner by default. */
  readonly mode?: number | undefined;
}

/** Binds and listens; the address that comes back has the real port. Every failure says which setting to change. */
export async function listen(server: Server, address: Address, place: ListenPlace = {}): Promise<Address> {
  try {
    if (isUnix(address)) {
      await claimSocketFile(address.path, place);
      await bindUnix(server, address.path, place.mode ?? 0o600);
      return address;
    }
    const listening = once(server, 'listening');
    server.listen({ host: address.host, port: address.port });
    await listening;
  } catch (error) {
    throw explain(error, address, place);
  }
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? { host: address.host, port: bound.port } : address;
}

async function bindUnix(server: Server, file: string, mode: number): Promise<void> {
  makeFolder(path.dirname(file), folderModeFor(mode));
  const listening = once(server, 'listening');
  // The file is made by bind(2), within this call; the mask keeps others out between that and chmod.
  const mask = process.umask(0o177);
  try {
    server.listen({ path: file });
  } finally {
    process.umask(mask);
  }
  await listening;
  chmodSync(file, mode);
}

/** Removes what a killed process left behind, and only that: never a file, never a socket somebody listens on. */
async function claimSocketFile(file: string, place: ListenPlace): Promise<void> {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new GarrisonError('FAILED_PRECONDITION', `\`${file}\` exists and is not a socket`, {
      ...placeOf(place),
      remedy: `remove it or choose another path${settingHint(place)}`,
    });
  }
  if (await answers(file)) throw taken(`the socket \`${file}\``, place);
  unlinkSync(file);
}

function answers(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path: file });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    // Refused means nobody is there; anything else (a full backlog, no permission) means somebody may be.
    probe.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
    });
  });
}

function explain(error: unknown, address: Address, place: ListenPlace): unknown {
  if (error instanceof GarrisonError) return error;
  const cause = error as NodeJS.ErrnoException;
  const name = formatAddress(address);
  switch (cause.code) {
    case 'EADDRINUSE':
      return taken(
        isUnix(address) ? `the socket \`${address.path}\`` : `port ${address.port} of \`${address.host}\``,
        place,
        cause,
      );
    case 'EACCES':
    case 'EPERM':
      return new GarrisonError('FAILED_PRECONDITION', `not permitted to listen on \`${name}\``, {
        ...placeOf(place),
        remedy: isUnix(address)
          ? `make its folder writable for this user or choose another path${settingHint(place)}`
          : `choose a port of 1024 or more${settingHint(place)}`,
        cause,
      });
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new GarrisonError('FAILED_PRECONDITION', `\`${name}\` is not an address of this host`, {
        ...placeOf(place),
        remedy: `choose one that is, such as \`127.0.0.1\`${settingHint(place)}`,
        cause,
      });
    default:
      return new GarrisonError('FAILED_PRECONDITION', `cannot listen on \`${name}\`: ${cause.message}`, {
        ...placeOf(place),
        cause,
      });
  }
}

function taken(what: string, place: ListenPlace, cause?: unknown): GarrisonError {
  return new GarrisonError('FAILED_PRECONDITION', `${what} is taken by another process`, {
    ...placeOf(place),
    remedy: `stop that process or choose another address${settingHint(place)}`,
    cause,
  });
}

const placeOf = ({ setting }: ListenPlace): { place?: string } => (setting === undefined ? {} : { place: setting });
const settingHint = ({ setting }: ListenPlace): string =>
  setting === undefined ? '' : ` with the setting \`${setting}\``;
