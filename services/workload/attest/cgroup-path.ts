import { GarrisonError } from '#proto/errors/index.ts';

/** One line of proc_pid_cgroup(5). */
interface Line {
  readonly controllers: string;
  readonly path: string;
}

export interface Container {
  readonly id: string;
  /** The pod it is of, where its path names one. */
  readonly pod: string | undefined;
}

/** A name a container runtime gives: 64 digits, alone or as a systemd scope. */
const container = /^(?:(?:docker|cri-containerd|crio|libpod)-)?([0-9a-f]{64})(?:\.scope)?$/;
const uid = '[0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32}';
const pod = new RegExp(`^(?:pod(${uid})|(?:kubelet-)?kubepods(?:-burstable|-besteffort)?-pod(${uid})\\.slice)$`);
/** What stands above a pod: Kubernetes' own groups, which only the host's administrator can make. */
const abovePod =
  /^(?:kubelet|kubelet\.slice|(?:kubelet-)?kubepods(?:-burstable|-besteffort)?(?:\.slice)?|burstable|besteffort)$/;
/** What stands above a container of Docker alone, with either driver. */
const aboveContainer: readonly RegExp[] = [/^docker$/, /^system\.slice$/];

function readLines(text: string): Line[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [, controllers, path] = /^[0-9]+:([^:]*):(\/.*)$/.exec(line) ?? [];
      if (controllers === undefined || path === undefined) {
        throw new GarrisonError('UNAVAILABLE', 'the control groups of the process cannot be read');
      }
      return { controllers, path };
    });
}

/**
 * The container that a process is in, by its control groups (version 1 and 2). A path counts only when every part above the
 * container's is one that administrators make: a user may call a group that was delegated to it whatever it likes, that of
 * somebody else's container included. For the same reason mountinfo is not asked: in a user namespace of its own anybody
 * mounts anything.
 */
export function containerOf(cgroup: string): Container | undefined {
  const found = readLines(cgroup).flatMap(({ path }) => readContainer(path) ?? []);
  const [first, ...rest] = found;
  if (rest.some(({ id, pod: other }) => id !== first?.id || other !== first.pod)) {
    throw new GarrisonError('PERMISSION_DENIED', 'the control groups of the process are of several containers');
  }
  return first;
}

function readContainer(path: string): Container | undefined {
  const parts = path.split('/').slice(1);
  // Seen from a control group namespace, what is beside it begins with the way up.
  const start = parts.findIndex((part) => part !== '..');
  const named = start < 0 ? [] : parts.slice(start);
  const at = named.findIndex((part) => container.test(part));
  if (at < 0) return undefined;
  const above = named.slice(0, at);
  const id = container.exec(named[at] ?? '')?.[1] ?? '';
  const podAt = above.findIndex((part) => pod.test(part));
  if (podAt >= 0 && podAt === above.length - 1 && above.slice(0, podAt).every((part) => abovePod.test(part))) {
    const [, plain, slice] = pod.exec(above[podAt] ?? '') ?? [];
    return { id, pod: (plain ?? slice ?? '').replaceAll('_', '-') };
  }
  const [only] = above;
  const alone = above.length === 1 && only !== undefined && aboveContainer.some((form) => form.test(only));
  return alone ? { id, pod: undefined } : undefined;
}

/**
 * The system's unit that a process belongs to, as systemd finds it (cg_path_get_unit): the first part that is no slice. What
 * a user's own manager calls its units stands below `user@UID.service`, and is none of the system's.
 */
export function unitOf(cgroup: string): string | undefined {
  const lines = readLines(cgroup);
  const line =
    lines.find(({ controllers }) => controllers === 'name=systemd') ?? lines.find((one) => one.controllers === '');
  const parts = line?.path.split('/').slice(1) ?? [];
  const part = parts.find((one) => !/^[^/]+\.slice$/.test(one));
  const unit = part?.replace(/^_/, '');
  return unit !== undefined && /^[A-Za-z0-9:_.\\@-]{1,244}\.(?:service|scope|mount|socket|swap)$/.test(unit)
    ? unit
    : undefined;
}
