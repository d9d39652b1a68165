/**
 * Work in small pieces. Between two of them whoever runs it may let others run: it alone knows a clock and what waits.
 * A piece is one document, one rule or a few hundred lighter things, so that it takes some tens of microseconds.
 */
export type Steps<T> = Generator<undefined, T, undefined>;

/** How many things of which each is a matter of nanoseconds make one piece. */
const LIGHT = 256;

/** All pieces at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Does a light thing for each item. */
export function* eachLightly<T>(items: readonly T[], act: (item: T) => void): Steps<void> {
  for (let at = 0; at < items.length; at += LIGHT) {
    actOn(items, at, act);
    yield;
  }
}

/** Outside the generator, where a walk over a list makes an object for every item. */
function actOn<T>(items: readonly T[], from: number, act: (item: T) => void): void {
  const to = Math.min(from + LIGHT, items.length);
  for (let at = from; at < to; at++) act(items[at] as T);
}

/** A sorted copy; equal items stay in their order. */
export function* sorted<T>(items: readonly T[], compare: (a: T, b: T) => number): Steps<T[]> {
  let runs: T[][] = [];
  for (let at = 0; at < items.length; at += LIGHT) {
    const run = items.slice(at, at + LIGHT).sort(compare);
    const last = runs.at(-1);
    // What is in order already, as most lists are, makes one run.
    if (last !== undefined && compare(last.at(-1) as T, run[0] as T) <= 0) last.push(...run);
    else runs.push(run);
    yield;
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let i = 0; i < runs.length; i += 2) merged.push(yield* merge(runs[i] ?? [], runs[i + 1] ?? [], compare));
    runs = merged;
  }
  return runs[0] ?? [];
}

function* merge<T>(left: readonly T[], right: readonly T[], compare: (a: T, b: T) => number): Steps<T[]> {
  const merged: T[] = [];
  let [l, r] = [0, 0];
  while (l < left.length || r < right.length) {
    const [a, b] = [left[l], right[r]];
    const takeLeft = r >= right.length || (l < left.length && compare(a as T, b as T) <= 0);
    merged.push((takeLeft ? a : b) as T);
    if (takeLeft) l += 1;
    else r += 1;
    if (merged.length % LIGHT === 0) yield;
  }
  return merged;
}
