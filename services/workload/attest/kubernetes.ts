import { readFile } from 'node:fs/promises';
import { readStrictJson } from '#policies/tokens/strict-json.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { askHttp } from '#runtime/ask-http.ts';
import type { Clock } from '#runtime/clock.ts';
import type { KubeletConfig } from '#runtime/config/attestors-config.ts';
import { at, listAt, textsAt } from '#runtime/json-at.ts';
import { said, type WorkloadAttestor } from './attestor.ts';
import { containerOf, type Container } from './cgroup-path.ts';
import type { ProcessFiles } from './process-files.ts';

export interface KubernetesOptions {
  readonly kubelet: KubeletConfig;
  readonly files: ProcessFiles;
  readonly clock: Clock;
}

/** How long one list of pods serves all who ask. */
const freshMs = 1000;
/** A container may call before the kubelet tells of it. */
const tries = 4;
const betweenMs = 500;

/** `k8s:…`: what the node's kubelet says of the pod and the container that a process is in. */
export function kubernetes({ kubelet, files, clock }: KubernetesOptions): WorkloadAttestor {
  const pods = new PodList(kubelet, clock);
  return {
    name: 'k8s',
    prefixes: ['k8s:'],
    perProcess: true,
    attest: async (process) => {
      const container = containerOf(await files.read(process, 'cgroup'));
      if (container?.pod === undefined) return [];
      for (let attempt = 1; ; attempt += 1) {
        const found = find(await pods.current(), container);
        if (found !== undefined) return found;
        if (attempt === tries) throw new GarrisonError('NOT_FOUND', 'the kubelet knows no such container');
        await clock.sleep(betweenMs);
      }
    },
  };
}

/** The pods of this node, asked for once for all who want them at about the same time. */
class PodList {
  readonly #kubelet: KubeletConfig;
  readonly #clock: Clock;
  #held: { readonly atMs: number; readonly pods: Promise<readonly unknown[]> } | undefined;

  constructor(kubelet: KubeletConfig, clock: Clock) {
    this.#kubelet = kubelet;
    this.#clock = clock;
  }

  current(): Promise<readonly unknown[]> {
    const now = this.#clock.monotonicMs();
    if (this.#held !== undefined && now - this.#held.atMs < freshMs) return this.#held.pods;
    const pods = this.#ask();
    const held = { atMs: now, pods };
    this.#held = held;
    pods.catch(() => {
      if (this.#held === held) this.#held = undefined;
    });
    return pods;
  }

  async #ask(): Promise<readonly unknown[]> {
    const { url, ca, token, serverName } = this.#kubelet;
    const [authority, bearer] = await Promise.all([read(ca), read(token)]);
    const { status, body } = await askHttp({
      url: new URL('/pods', url),
      ca: authority,
      serverName,
      headers: bearer === undefined ? {} : { authorization: `Bearer ${bearer.trim()}` },
      timeoutMs: 5000,
      // 110 pods are usual on a node, and each may carry 256 KiB of annotations.
      maxBytes: 64 * 1024 * 1024,
    });
    if (status !== 200) throw new GarrisonError('UNAVAILABLE', `the kubelet answers with status ${status}`);
    const found = readStrictJson(body);
    if (typeof found === 'string') throw new GarrisonError('UNAVAILABLE', `the kubelet answers with what ${found}`);
    return listAt(found, 'items');
  }
}

function read(file: string | undefined): Promise<string | undefined> {
  return file === undefined ? Promise.resolve(undefined) : readFile(file, 'utf8');
}

function find(pods: readonly unknown[], { id, pod: uid }: Container): string[] | undefined {
  const pod = pods.find((one) => at(one, 'metadata', 'uid') === uid);
  const statuses = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'].flatMap((kind) =>
    listAt(pod, 'status', kind),
  );
  // `containerd://ID`: whole, since one runtime's name may end like another's.
  const status = statuses.find((one) => String(at(one, 'containerID')).replace(/^[a-z-]+:\/\//, '') === id);
  if (status === undefined) return undefined;
  return [
    ...said('k8s:ns', at(pod, 'metadata', 'namespace')),
    ...said('k8s:sa', at(pod, 'spec', 'serviceAccountName')),
    ...said('k8s:pod-name', at(pod, 'metadata', 'name')),
    ...said('k8s:pod-uid', uid),
    ...said('k8s:node-name', at(pod, 'spec', 'nodeName')),
    ...textsAt(pod, 'metadata', 'labels').map(([name, value]) => `k8s:pod-label:${name}:${value}`),
    ...said('k8s:container-name', at(status, 'name')),
    ...said('k8s:container-image', at(status, 'image')),
    ...said('k8s:container-image', at(status, 'imageID')),
  ];
}
