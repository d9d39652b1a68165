import { awaitUntil } from '../await-until.ts';
import type { BackgroundLoad } from '../background-load.ts';
import type { Page } from '../narrator.ts';
import type { Stage } from '../stage.ts';

/** Certificate serial of every sidecar, by workload name. */
export type Serials = ReadonlyMap<string, string>;

export async function rotatesUnderLoad(stage: Stage, page: Page, load: BackgroundLoad, first: Serials): Promise<void> {
  page.request(
    'the page has been loaded over and over since the start; wait until every sidecar has a new certificate',
  );
  const rotated = await awaitUntil(
    async () => {
      const now = await serialsNow(stage);
      return [...first].every(([name, serial]) => now.has(name) && now.get(name) !== serial) ? now : undefined;
    },
    { withinMs: 40_000, everyMs: 250, elapsedMs: stage.elapsedMs },
  );
  await load.stop();
  page.happened(
    rotated === undefined
      ? 'not every certificate was renewed within 40 s'
      : `${rotated.size} certificates renewed; ${load.answered} pages loaded meanwhile, ${load.failures.length} failed`,
  );
  page.why('certificates live 30 s here and are renewed at half their life, each over the identity that still holds');
  page.check(rotated !== undefined, 'a certificate was not renewed');
  page.check(load.answered > 0, 'no page was loaded meanwhile');
  page.check(load.failures.length === 0, `pages failed: ${[...new Set(load.failures)].join('; ')}`);
}

export async function serialsNow(stage: Stage): Promise<Serials> {
  const found = await Promise.all(
    stage.workloads.map(async (each) => [each.name, await stage.serialOf(each)] as const),
  );
  return new Map(found.flatMap(([name, serial]) => (serial === undefined ? [] : [[name, serial] as const])));
}
