import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { awaitUntil } from '../await-until.ts';
import { ask } from '../ask.ts';
import type { Page } from '../narrator.ts';
import type { Stage } from '../stage.ts';
import { callAs, statusOf } from './through-the-mesh.ts';

const reviews = 'cluster.local/ns/bookinfo/sa/bookinfo-reviews';
const productpage = 'cluster.local/ns/bookinfo/sa/bookinfo-productpage';

/** Editors write another file and rename it; so do we. */
function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

export async function editTakesEffect(stage: Stage, page: Page): Promise<void> {
  const file = join(stage.folder.policies, 'ratings.yaml');
  const before = readFileSync(file, 'utf8');
  const after = before.replaceAll(`[${reviews}]`, `[${reviews}, ${productpage}]`);
  page.request('edit ratings.yaml: productpage may call ratings too');
  await change(after, 200);
  page.request('edit it back');
  await change(before, 403);
  page.why('authz watches the folder, validates all documents together, and puts them into force as one revision');

  async function change(text: string, expected: number): Promise<void> {
    const began = stage.elapsedMs();
    replaceFile(file, text);
    const seen = await awaitUntil(
      async () => {
        const status = statusOf(await callAs(stage, 'productpage-v1', 'ratings', '/ratings/0'));
        return status === expected ? stage.elapsedMs() - began : undefined;
      },
      { withinMs: 5_000, everyMs: 10, elapsedMs: stage.elapsedMs },
    );
    page.happened(
      seen === undefined
        ? `still not ${expected} after 5 s`
        : `productpage → ratings: ${expected} after ${Math.round(seen)} ms`,
    );
    page.check(seen !== undefined && seen < 1_000, `the edit was not in force within a second`);
  }
}

export async function brokenFileIsRefused(stage: Stage, page: Page): Promise<void> {
  const file = join(stage.folder.policies, 'ratings.yaml');
  const before = readFileSync(file, 'utf8');
  const revision = await revisionNow(stage);
  page.request('break ratings.yaml: `action: DENY` becomes `action: DENI`');
  replaceFile(file, before.replace('action: DENY', 'action: DENI'));
  const refusal = await awaitUntil(async () => (await revisionNow(stage)).refusal, {
    withinMs: 5_000,
    everyMs: 20,
    elapsedMs: stage.elapsedMs,
  });
  page.happened(refusal === undefined ? 'no refusal within 5 s' : `refused: ${refusal}`);
  page.check(refusal?.includes('ratings.yaml:') === true, 'the refusal does not name the file and line');
  const now = await revisionNow(stage);
  page.check(now.number === revision.number, `revision ${revision.number} was replaced by ${now.number}`);
  const denied = statusOf(await callAs(stage, 'productpage-v1', 'ratings', '/ratings/0'));
  const allowed = statusOf(await callAs(stage, 'reviews-v2', 'ratings', '/ratings/0'));
  page.happened(`revision ${now.number} still decides: productpage → ratings ${denied}, reviews → ratings ${allowed}`);
  page.check(denied === 403 && allowed === 200, 'the last good revision does not serve');
  page.request('mend it');
  replaceFile(file, before);
  const mended = await awaitUntil(async () => ((await revisionNow(stage)).refusal === undefined ? true : undefined), {
    withinMs: 5_000,
    everyMs: 20,
    elapsedMs: stage.elapsedMs,
  });
  page.check(mended === true, 'the mended file was not taken');
  page.why('one faulty document refuses the whole revision: a rule that is skipped silently looks enforced and is not');
}

interface RevisionState {
  readonly number: number;
  readonly refusal: string | undefined;
}

async function revisionNow(stage: Stage): Promise<RevisionState> {
  const answer = await ask({ port: Number(stage.authzAdmin.split(':').at(-1)), path: '/revision' });
  if (answer.kind === 'none') throw new Error(`authz does not answer on its admin port: ${answer.reason}`);
  const state = JSON.parse(answer.body) as {
    revision: number;
    refusal: { faults: readonly { text: string }[] } | null;
  };
  return { number: state.revision, refusal: state.refusal?.faults[0]?.text };
}
