import { connect } from 'node:tls';
import { once } from 'node:events';
import { awaitUntil } from '../await-until.ts';
import type { BackgroundLoad } from '../background-load.ts';
import type { Page } from '../narrator.ts';
import type { Stage } from '../stage.ts';

/** Serial number of the certificate that each sidecar shows on its inbound port, by workload name. */
export type Serials = ReadonlyMap<string, string>;

export async function rotatesUnderLoad(stage: Stage, page: Page, load: BackgroundLoad, first: Serials): Promise<void> {
  page.request(
    'the page has been loaded over and over since the start; wait until every sidecar shows a new certificate',
  );
  const rotated = await awaitUntil(
    async () => {
      const now = await serialsNow(stage);
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

export async function serialsNow(stage: Stage): Promise<Serials> {
  const servers = stage.workloads.filter(({ app }) => app !== 'ingress');
  return new Map(
    await Promise.all(servers.map(async ({ name, ports }) => [name, await serialAt(ports.inbound)] as const)),
  );
}

async function serialAt(port: number): Promise<string> {
  // The server shows its certificate before it asks for ours, which we have none of.
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(5_000) });
    return socket.getPeerCertificate().serialNumber;
  } finally {
    socket.on('error', () => undefined);
    socket.destroy();
  }
}
