import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aborted } from '#runtime/lifecycle.ts';
import { introduce } from './introduction.ts';
import { startMesh } from './mesh.ts';
import type { Programs } from './mesh.ts';
import { writeMeshFolder } from './mesh-files.ts';
import { Narrator } from './narrator.ts';
import { runGarrison } from './operator.ts';
import { PortBlock } from './port-block.ts';
import { Processes } from './processes.ts';
import type { Stage } from './stage.ts';
import { tellStory } from './story.ts';
import { strangersCertificate } from './stranger.ts';
import { planWorkloads, workloadNamed } from './workloads.ts';

export interface DemoOptions {
  /** Walk the story and end; otherwise the mesh stays up until told to end. */
  readonly once: boolean;
  /** Leave the folder of this run behind. */
  readonly keep: boolean;
  readonly programs: Programs;
  /** Policies of the demo: examples/bookinfo/policies. */
  readonly policies: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly processId: number;
  readonly signal: AbortSignal;
  readonly elapsedMs: () => number;
  readonly now: () => Date;
  readonly write: (text: string) => void;
}

/** Everything the demo starts and makes is gone when this returns, however it returns. True: every step went as told. */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const narrator = new Narrator(options);
  await using cleanup = new AsyncDisposableStack();
  const root = mkdtempSync(join(tmpdir(), 'garrison-demo-'));
  cleanup.defer(() => {
    if (options.keep) narrator.say(`\nKept: ${root}`);
    else rmSync(root, { recursive: true, force: true });
  });
  const ports = cleanup.use(await PortBlock.reserve(options.processId));
  const workloads = planWorkloads(ports);
  const folder = writeMeshFolder(root, options.policies, workloads);
  const processes = cleanup.use(new Processes({ logs: folder.logs, environment: options.environment }));
  const ended = AbortSignal.any([options.signal, processes.failed]);

  narrator.say('Garrison: Bookinfo with an identity for every workload. Starting …');
  const garrison = (args: readonly string[]): ReturnType<Stage['garrison']> =>
    runGarrison(options.programs.garrison, [...args, '--config', folder.config], options.environment, ended);
  const mesh = await orEnded(ended, startMesh({ folder, workloads, programs: options.programs, processes }));
  const stage: Stage = {
    folder,
    workloads,
    ingressPort: workloadNamed(workloads, 'ingress-v1').ports.app,
    authzAdmin: mesh.authzAdmin,
    elapsedMs: options.elapsedMs,
    garrison,
    strangersCertificate: (id) => strangersCertificate(id, options.now()),
  };
  introduce(narrator, stage, mesh, processes);
  const began = options.elapsedMs();
  await orEnded(ended, tellStory(stage, narrator));
  const seconds = ((options.elapsedMs() - began) / 1000).toFixed(0);
  const asTold = narrator.failures.length === 0;
  narrator.say(
    asTold ? `\nEvery step went as told (${seconds} s).` : `\nNot as told:\n  ${narrator.failures.join('\n  ')}`,
  );
  if (!options.once) {
    narrator.say(`\nThe mesh stays up; files of this run are in ${root}. Ctrl-C ends it.`);
    await aborted(ended);
    if (processes.failed.aborted) throw processes.failed.reason;
  }
  return asTold;
}

/** Waits for the work, but not longer than the mesh lives. */
async function orEnded<T>(ended: AbortSignal, work: Promise<T>): Promise<T> {
  const end = aborted(ended).then((): never => {
    throw ended.reason;
  });
  return await Promise.race([work, end]);
}
