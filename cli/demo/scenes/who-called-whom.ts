import type { Page } from '../narrator.ts';
import type { Stage } from '../stage.ts';

interface PairStats {
  readonly source?: { readonly workload?: string };
  readonly destination?: { readonly workload?: string };
  readonly principal?: string;
  readonly allowed: number;
  readonly denied: number;
}

/** What the story must have left behind: [caller, callee, allowed, denied]. */
const expected = [
  ['bookinfo-ingress', 'productpage-v1', 'allowed'],
  ['bookinfo-productpage', 'details-v1', 'allowed'],
  ['bookinfo-productpage', 'reviews-v1', 'allowed'],
  ['bookinfo-productpage', 'reviews-v2', 'allowed'],
  ['bookinfo-productpage', 'reviews-v3', 'allowed'],
  ['bookinfo-reviews', 'ratings-v1', 'allowed'],
  ['bookinfo-productpage', 'ratings-v1', 'denied'],
] as const;

export async function whoCalledWhom(stage: Stage, page: Page): Promise<void> {
  page.request('garrison audit stats');
  const { code, stdout } = await stage.garrison(['audit', 'stats', '--output', 'json']);
  page.check(code === 0, 'the audit could not be asked');
  const pairs = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as PairStats);
  for (const pair of pairs) {
    const from = (pair.principal ?? 'nobody').split('/').at(-1) ?? '';
    const to = pair.destination?.workload ?? '?';
    page.happened(`${from.padEnd(22)} → ${to.padEnd(16)} ${pair.allowed} allowed, ${pair.denied} denied`);
  }
  for (const [from, to, fate] of expected) {
    const pair = pairs.find(
      (each) => each.principal?.endsWith(`/${from}`) === true && each.destination?.workload === to,
    );
    page.check((pair?.[fate] ?? 0) > 0, `the audit has no call of ${from} to ${to} that was ${fate}`);
  }
}
