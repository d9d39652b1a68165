import { ask } from '../ask.ts';
import { awaitUntil } from '../await-until.ts';
import type { BackgroundLoad } from '../background-load.ts';
import type { Page } from '../narrator.ts';
import type { Stage } from '../stage.ts';
import type { DemoWorkload } from '../workloads.ts';

/** Serial number of the certificate that each sidecar uses, by workload name. */
export type Certificates = ReadonlyMap<string, string>;

export async function rotatesUnderLoad(
  stage: Stage,
  page: Page,
  load: BackgroundLoad,
  first: Certificates,
): Promise<void> {
  page.request(
    'the page has been loaded over and over since the start; wait until every sidecar has a new certificate',
  );
  const rotated = await awaitUntil(
    async () => {
      const now = await certificatesNow(stage);
      return [...first].every(([name, serial]) => now.get(name) !== serial) ? now : undefined;
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

export async function certificatesNow(stage: Stage): Promise<Certificates> {
  return new Map(await Promise.all(stage.workloads.map(async (each) => [each.name, await serialOf(each)] as const)));
}

async function serialOf({ ports }: DemoWorkload): Promise<string> {
  const answer = await ask({ port: ports.admin, path: '/identity' });
  if (answer.kind === 'none') throw new Error(`a sidecar does not answer on its admin port: ${answer.reason}`);
  return (JSON.parse(answer.body) as { serial: string }).serial;
}
