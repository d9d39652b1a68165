import { awaitUntil } from '../await-until.ts';
import type { Stage } from '../stage.ts';

/** The audit record of one decision. Reports travel in batches, so it may be a second behind the request. */
export async function auditRecordOf(stage: Stage, decision: string): Promise<Record<string, unknown> | undefined> {
  return await awaitUntil(
    async () => {
      const { code, stdout } = await stage.garrison(['audit', 'query', '--decision', decision, '--output', 'json']);
      const [line] = stdout.split('\n').filter((text) => text.startsWith('{'));
      return code === 0 && line !== undefined ? (JSON.parse(line) as Record<string, unknown>) : undefined;
    },
    { withinMs: 5_000, everyMs: 100, elapsedMs: stage.elapsedMs },
  );
}
