import { ask } from '../ask.ts';
import type { Answer } from '../ask.ts';
import type { Stage } from '../stage.ts';
import { servicesDomain, workloadNamed } from '../workloads.ts';

/** What the application `from` does to call `service`: plain HTTP to its own sidecar, which adds the identity. */
export async function callAs(
  stage: Stage,
  from: string,
  service: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const { ports } = workloadNamed(stage.workloads, from);
  return await ask({ port: ports.outbound, path, headers: { ...headers, host: `${service}.${servicesDomain}:9080` } });
}

export function statusOf(answer: Answer): number {
  return answer.kind === 'answer' ? answer.status : 0;
}

export function decisionOf(answer: Answer): string | undefined {
  const id = answer.kind === 'answer' ? answer.headers['x-garrison-decision'] : undefined;
  return typeof id === 'string' ? id : undefined;
}

/** One line for people: status and the first words of the body, or why there was no answer. */
export function describeAnswer(answer: Answer): string {
  if (answer.kind === 'none') return `no answer: ${answer.reason}`;
  const body = answer.body.replaceAll(/\s+/g, ' ').trim();
  return `${answer.status} ${body.length > 60 ? `${body.slice(0, 60)}…` : body}`;
}
