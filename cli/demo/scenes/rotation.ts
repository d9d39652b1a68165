import { connect } from 'node:tls';
import { once } from 'node:events';
import { ask } from '../ask.ts';
import { awaitUntil } from '../await-until.ts';
import type { BackgroundLoad } from '../background-load.ts';
import type { Page } from '../narrator.ts';
import type { Stage } from '../stage.ts';
import type { DemoWorkload } from '../workloads.ts';

/** What tells each sidecar's certificate from the one before, by workload name: the serial number it shows. */
export type Certificates = ReadonlyMap<string, string>;

export async function rotatesUnderLoad(
  stage: Stage,
  page: Page,
  load: BackgroundLoad,
  first: Certificates,
): Promise<void> {
  page.request(
    'the page has been loaded over and over since the start; wait until every sidecar shows a new certificate',
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
  return new Map(
    await Promise.all(stage.workloads.map(async (each) => [each.name, await certificateOf(each)] as const)),
  );
}

async function certificateOf({ app, ports }: DemoWorkload): Promise<string> {
  if (app !== 'ingress') return await serialAt(ports.inbound);
  // It shows its certificate to servers only; its admin port says until when it is good.
  const answer = await ask({ port: ports.admin, path: '/identity' });
  return answer.kind === 'answer' ? (JSON.parse(answer.body) as { expiresAt: string }).expiresAt : answer.reason;
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
