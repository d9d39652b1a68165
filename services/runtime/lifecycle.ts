import { Socket } from 'node:net';
import { GarrisonError } from '#proto/errors/index.ts';
import { keepAlive } from './keep-alive.ts';

/** A second Ctrl-C after this long means it; sooner it is the same one, come through a launcher and the terminal. */
const insistAfterMs = 1000;

let stop: AbortController | undefined;

/** One signal for the whole process: aborts at SIGTERM, SIGINT or when the launcher of this process is gone. */
export function signalled(): AbortSignal {
  if (stop !== undefined) return stop.signal;
  const controller = (stop = new AbortController());
  let first: number | undefined;
  const end = (name: string): void => {
    if (first === undefined) {
      first = performance.now();
      controller.abort(new GarrisonError('CANCELLED', `ended by ${name}`));
    } else if (performance.now() - first > insistAfterMs) {
      process.exit(130);
    }
  };
  process.on('SIGTERM', () => end('SIGTERM'));
  process.on('SIGINT', () => end('SIGINT'));
  watchLauncher(() => end('the end of its launcher'));
  return controller.signal;
}

/** bin/garrison.js holds the other end of this pipe: it closes even when the launcher is killed outright. */
function watchLauncher(gone: () => void): void {
  const fd = Number(process.env['GARRISON_LAUNCHER_FD']);
  // Not for the processes that this one starts: they would watch a descriptor of somebody else.
  delete process.env['GARRISON_LAUNCHER_FD'];
  if (!Number.isInteger(fd) || fd < 3) return;
  const pipe = new Socket({ fd, readable: true, writable: false });
  pipe.on('error', () => undefined);
  pipe.on('close', gone);
  pipe.resume();
  pipe.unref();
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/**
 * Starts what `main` builds, waits for the signal, and disposes of it within the deadline.
 * False when something was still busy then: the caller ends the process anyway.
 */
export async function serveUntil(
  signal: AbortSignal,
  main: (signal: AbortSignal) => Promise<AsyncDisposable>,
  drainMs = 10_000,
): Promise<boolean> {
  let serving: AsyncDisposable;
  // Nothing else may hold the process: a service whose every socket is unreferenced waits or serves until told to end.
  try {
    serving = await keepAlive(main(signal));
  } catch (error) {
    // Told to end while it started: what it was waiting for then fails, and that is no failure.
    if (signal.aborted) return true;
    throw error;
  }
  await keepAlive(aborted(signal));
  return within(drainMs, serving[Symbol.asyncDispose]());
}

async function within(ms: number, work: PromiseLike<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([Promise.resolve(work).then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
