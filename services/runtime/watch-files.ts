import { type FSWatcher, watch } from 'node:fs';
import path from 'node:path';
import type { Steps } from '#schema/index.ts';
import { systemClock } from './clock.ts';
import { inSlices } from './in-slices.ts';
import { type Snapshot, readFilesSteps } from './read-files.ts';

export interface WatchOptions {
  /** Changes that come together are read together. */
  readonly debounceMs?: number;
  /** How often to look without being told, for file systems that tell nothing. */
  readonly pollMs?: number;
}

/** With a path that is missing or a watch that the system refused there is nobody to tell us: look more often. */
const blindPollMs = 300;

/**
 * What lies at the paths, at once and again after every change of content: edits, atomic renames, swapped symbolic links,
 * deletion and return. A slow reader gets the newest state, not every state.
 */
export async function* watchFiles(
  paths: readonly string[],
  signal: AbortSignal,
  options: WatchOptions = {},
): AsyncGenerator<Snapshot, void, void> {
  const { debounceMs = 100, pollMs = 2000 } = options;
  using notices = new Notices(signal);
  let seen: Snapshot | undefined;
  while (!signal.aborted) {
    const now = await readUndisturbed(paths, notices, debounceMs, signal);
    const complete = notices.watch(interestOf(paths, now.folders));
    if (seen === undefined || !(await inSlices(same(seen, now)))) {
      seen = now;
      yield now;
    }
    const patience = complete && now.faults.length === 0 ? pollMs : blindPollMs;
    if (await notices.next(patience)) await systemClock.sleep(debounceMs, signal);
  }
}

/** Thousands of files are not read in one turn of the loop; what changes meanwhile is read again, though not for ever. */
async function readUndisturbed(
  paths: readonly string[],
  notices: Notices,
  debounceMs: number,
  signal: AbortSignal,
): Promise<Snapshot> {
  for (let attempts = 1; ; attempts++) {
    const snapshot = await inSlices(readFilesSteps(paths));
    if (attempts === 5 || signal.aborted || !notices.take()) return snapshot;
    await systemClock.sleep(debounceMs, signal);
  }
}

/** Folders to watch, each with the names that matter in it; all of them in the folders that are walked. */
type Interest = ReadonlyMap<string, ReadonlySet<string> | 'all'>;

function interestOf(paths: readonly string[], walked: readonly string[]): Interest {
  const interest = new Map<string, Set<string> | 'all'>();
  for (const file of paths) {
    const parent = path.dirname(file);
    const names = interest.get(parent);
    if (names instanceof Set) names.add(path.basename(file));
    else interest.set(parent, new Set([path.basename(file)]));
  }
  for (const folder of walked) interest.set(folder, 'all');
  return interest;
}

function* same(a: Snapshot, b: Snapshot): Steps<boolean> {
  if (a.files.length !== b.files.length || a.faults.length !== b.faults.length) return false;
  for (const [i, file] of a.files.entries()) {
    const other = b.files[i];
    if (file.name !== other?.name || Buffer.compare(file.text, other.text) !== 0) return false;
    yield;
  }
  return a.faults.every((fault, i) => fault.describe() === b.faults[i]?.describe());
}

/** Hints of the file system that something changed. What changed is found by reading, not by believing them. */
class Notices implements Disposable {
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #signal: AbortSignal;
  #interest: Interest = new Map();
  #noticed = false;
  #wake: (() => void) | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', this.#notice, { once: true });
  }

  /** Watches exactly these folders from now on; false when one of them cannot be watched. */
  watch(wanted: Interest): boolean {
    this.#interest = wanted;
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of wanted.keys()) if (!this.#watchers.has(folder)) this.#open(folder);
    return [...wanted.keys()].every((folder) => this.#watchers.has(folder));
  }

  /** True after a notice, also one that came since the last call; false when there was none in time. */
  async next(patienceMs: number): Promise<boolean> {
    if (!this.#noticed && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, patienceMs);
        timer.unref();
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    return this.take();
  }

  /** Whether there was a notice since the last call. */
  take(): boolean {
    const noticed = this.#noticed;
    this.#noticed = false;
    return noticed;
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#notice);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  readonly #notice = (): void => {
    this.#noticed = true;
    this.#wake?.();
  };

  #open(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, (event, name) => {
        // A watch holds on to the folder it was opened on: when that moves away, the next round opens the new one.
        if (event === 'rename' && (name === null || name === path.basename(folder))) this.#forget(folder);
        const names = this.#interest.get(folder) ?? 'all';
        if (names === 'all' || name === null || names.has(name)) this.#notice();
      });
      watcher.on('error', () => {
        this.#forget(folder);
        this.#notice();
      });
      this.#watchers.set(folder, watcher);
    } catch {
      // ENOENT or the system's limit of watches: polling sees it.
    }
  }

  #forget(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }
}
