import { closeSync, openSync, readFileSync, statSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { GarrisonError } from '#proto/errors/index.ts';
import { type Address, formatAddress, parseAddress } from './address.ts';
import type { StateFolder } from './state-folder.ts';

const fileName = 'addresses.json';
const lockName = 'addresses.lock';
/** Writing takes a millisecond; a lock this old was left by a process that is gone. */
const staleMs = 5000;

/** Where the processes of one state folder listen right now, by the names of the `ready` line. */
export type Addresses = Readonly<Record<string, Address | undefined>>;

/** Tells the tools of this host the real ports. Other processes keep theirs in the same file. */
export async function publishAddresses(state: StateFolder, addresses: Addresses): Promise<void> {
  await update(state, (known) => {
    for (const [name, address] of Object.entries(addresses)) {
      if (address !== undefined) known.set(name, formatAddress(address));
    }
  });
}

/** Takes back what was published, as far as nobody has published something newer since. */
export async function withdrawAddresses(state: StateFolder, addresses: Addresses): Promise<void> {
  await update(state, (known) => {
    for (const [name, address] of Object.entries(addresses)) {
      if (address !== undefined && known.get(name) === formatAddress(address)) known.delete(name);
    }
  });
}

/** What is published in a state folder; nothing where no process runs. Never creates anything. */
export function readAddresses(folder: string): ReadonlyMap<string, Address> {
  const file = path.join(folder, fileName);
  return new Map([...read(file)].map(([name, text]) => [name, parseAddress(text)]));
}

async function update(state: StateFolder, change: (known: Map<string, string>) => void): Promise<void> {
  const release = await lock(state.join(lockName));
  try {
    const known = read(state.join(fileName));
    change(known);
    state.write(fileName, `${JSON.stringify(Object.fromEntries(known), null, 2)}\n`);
  } finally {
    release();
  }
}

function read(file: string): Map<string, string> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw new GarrisonError('FAILED_PRECONDITION', `\`${file}\` cannot be read`, {
      remedy: 'run as the user that garrison runs as',
      cause,
    });
  }
  try {
    const entries = Object.entries(JSON.parse(text) as Record<string, unknown>);
    return new Map(entries.map(([name, value]) => [name, String(value)]));
  } catch {
    return new Map(); // it is written anew at every start: what cannot be read is no loss
  }
}

async function lock(file: string): Promise<() => void> {
  for (;;) {
    try {
      closeSync(openSync(file, 'wx', 0o600));
      return () => unlinkSync(file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const age = Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > staleMs) unlinkSync(file);
    else await pause(10);
  }
}
