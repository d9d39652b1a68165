import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '#runtime/clock.ts';
import { listen } from '#runtime/listen.ts';
import { createLogger, silentLogger } from '#runtime/logger.ts';
import { startTimeOf } from '#runtime/peer-credentials.ts';
import type { UnixPeer } from '#runtime/peer.ts';
import type { Registration } from '#policies/documents/index.ts';
import type { WorkloadAttestor } from '#services/workload/attest/attestor.ts';
import { Attestors } from '#services/workload/attest/attestors.ts';
import { containerOf, unitOf } from '#services/workload/attest/cgroup-path.ts';
import { docker } from '#services/workload/attest/docker.ts';
import { kubernetes } from '#services/workload/attest/kubernetes.ts';
import { ProcessFiles } from '#services/workload/attest/process-files.ts';
import { systemd } from '#services/workload/attest/systemd.ts';
import { unixNames } from '#services/workload/attest/unix-names.ts';
import { ManualClock } from '#test/fakes/manual-clock.ts';
import { TestPki } from '#test/fakes/mesh-pki.ts';
import { ProcFolder } from '#test/fakes/proc-folder.ts';

const id = 'a'.repeat(63) + '0';
const uid = '0a1b2c3d-0000-4000-8000-00000000000a';
const underscored = uid.replaceAll('-', '_');
const podPath = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${underscored}.slice/cri-containerd-${id}.scope`;

let proc: ProcFolder;
let files: ProcessFiles;
beforeEach(() => {
  proc = new ProcFolder();
  files = new ProcessFiles(proc.root);
});
afterEach(() => proc[Symbol.dispose]());

describe('the container of a process', () => {
  test.each<[string, string, string | undefined]>([
    ['Docker, version 2', `0::/system.slice/docker-${id}.scope\n`, undefined],
    ['Docker, version 1', `12:cpu,cpuacct:/docker/${id}\n1:name=systemd:/docker/${id}\n0::/\n`, undefined],
    ['a pod, version 2', `0::${podPath}\n`, uid],
    [
      'a pod, version 1',
      `11:memory:/kubepods/besteffort/pod${uid}/${id}\n1:name=systemd:/kubepods/besteffort/pod${uid}/${id}\n`,
      uid,
    ],
    ['a guaranteed pod', `0::/kubepods.slice/kubepods-pod${underscored}.slice/crio-${id}.scope\n`, uid],
    ['a static pod', `0::/kubepods/burstable/pod${'0'.repeat(32)}/${id}\n`, '0'.repeat(32)],
    [
      'a pod in kind',
      `0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod${underscored}.slice/cri-containerd-${id}.scope`,
      uid,
    ],
    [
      'a pod, from another’s namespace',
      `0::/../../kubepods-burstable-pod${underscored}.slice/cri-containerd-${id}.scope\n`,
      uid,
    ],
    ['a group below the container’s', `0::${podPath}/init.scope\n`, uid],
  ])('is found: %s', (_, cgroup, pod) => {
    expect(containerOf(cgroup)).toEqual({ id, pod });
  });

  test.each([
    ['none', '0::/system.slice/ssh.service\n'],
    ['a user’s group called as a container’s', `0::/user.slice/user-1000.slice/user@1000.service/docker-${id}.scope\n`],
    ['a user’s group called as a pod’s', `0::/user.slice/user-1000.slice/user@1000.service${podPath}\n`],
    ['a service’s group called as a pod’s', `0::/system.slice/app.service${podPath}\n`],
    ['a service’s group called as a container’s', `0::/system.slice/app.service/docker-${id}.scope\n`],
    ['the same, from another’s namespace', `0::/../../app.service/docker-${id}.scope\n`],
    ['a short name', `0::/docker/${id.slice(1)}\n`],
    ['capital letters', `0::/docker/${id.toUpperCase()}\n`],
    ['only the pod', `0::/kubepods/burstable/pod${uid}\n`],
    ['a pod that is none', `0::/kubepods/burstable/podx/${id}\n`],
  ])('is none: %s', (_, cgroup) => {
    expect(containerOf(cgroup)).toBeUndefined();
  });

  test('is refused where the kernel’s lines tell of two, or cannot be read', () => {
    expect(() => containerOf(`2:a:/docker/${id}\n1:b:/docker/${'b'.repeat(64)}\n`)).toThrow();
    expect(() => containerOf('nonsense\n')).toThrow();
  });
});

test.each<[string, string | undefined]>([
  ['0::/system.slice/nginx.service\n', 'nginx.service'],
  ['0::/system.slice/system-getty.slice/getty@tty1.service/sub\n', 'getty@tty1.service'],
  ['0::/user.slice/user-1000.slice/user@1000.service/app.slice/nginx.service\n', 'user@1000.service'],
  ['0::/user.slice/user-1000.slice/session-3.scope\n', 'session-3.scope'],
  ['1:name=systemd:/system.slice/a.service\n0::/system.slice/b.service\n', 'a.service'],
  ['0::/\n', undefined],
  ['0::/init.scope\n', 'init.scope'],
  ['0::/system.slice\n', undefined],
  ['0::/system.slice/not a unit.service\n', undefined],
])('the unit of %j is %p', (cgroup, unit) => {
  expect(unitOf(cgroup)).toBe(unit);
});

describe('files of a process', () => {
  test('are those of the process that connected, and of no other that has its pid now', async () => {
    const process = proc.add(7, 'mine');
    expect(await files.read(process, 'cgroup')).toBe('mine');
    proc.add(7, 'another’s', '4712');
    await expect(files.read(process, 'cgroup')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(files.read({ pid: 7, uid: 1, gid: 1 }, 'cgroup')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(files.read({ ...process, pid: 8 }, 'cgroup')).rejects.toThrow();
  });

  test('the time of start is read behind whatever the program calls itself', () => {
    const own = readFileSync('/proc/self/stat', 'latin1');
    expect(startTimeOf(own)).toMatch(/^[0-9]+$/);
    expect(startTimeOf(own.replace(/\(.*\)/, '(x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 1 (y)'))).toBe(
      startTimeOf(own),
    );
    expect(() => startTimeOf('7 (x')).toThrow();
  });
});

describe('names of users and groups', () => {
  test('are those of this host’s files, the first that has the number', async () => {
    writeFileSync(
      join(proc.root, 'passwd'),
      'root:x:0:0::/:/bin/sh\ncart:x:1000:1000::/:/bin/sh\nother:x:1000:1::/:\nb:ad:x\n',
    );
    writeFileSync(join(proc.root, 'group'), 'root:x:0:\napps:x:1000:cart\ndocker:x:998:\n');
    const names = unixNames(proc.root);
    expect(await names.attest({ pid: 1, uid: 1000, gid: 1000, groups: [998, 12] })).toEqual([
      'unix:user:cart',
      'unix:group:apps',
      'unix:supplementary_group:docker',
    ]);
    writeFileSync(join(proc.root, 'passwd'), 'renamed:x:1000:1000::/:/bin/sh\n');
    expect(await names.attest({ pid: 1, uid: 1000, gid: 5 })).toEqual(['unix:user:renamed']);
    rmSync(join(proc.root, 'passwd'));
    await expect(names.attest({ pid: 1, uid: 1000, gid: 5 })).rejects.toThrow();
  });
});

describe('systemd', () => {
  test('says the unit, and the file that systemctl names', async () => {
    const systemctl = join(proc.root, 'systemctl');
    writeFileSync(systemctl, '#!/bin/sh\n[ "$5" = cart.service ] && echo /lib/systemd/system/cart.service\n');
    chmodSync(systemctl, 0o755);
    const attestor = systemd({ systemctl, files });
    const process = proc.add(9, '0::/system.slice/cart.service\n');
    expect(await attestor.attest(process)).toEqual([
      'systemd:id:cart.service',
      'systemd:fragment_path:/lib/systemd/system/cart.service',
    ]);
    expect(await attestor.attest(proc.add(9, '0::/system.slice/other.service\n'))).toEqual([
      'systemd:id:other.service',
    ]);
    rmSync(systemctl);
    expect(await attestor.attest(process)).toEqual(['systemd:id:other.service']);
  });
});

const close = (server: Server): Promise<unknown> => {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
};

describe('docker', () => {
  let engine: Server;
  let answer: (path: string) => [number, string];
  const inspected = (more: object = {}): string =>
    JSON.stringify({
      Id: id,
      Image: 'sha256:cafe',
      Config: { Image: 'cart:1', Env: ['A=b:c', 'EMPTY='], Labels: { 'com.example/app': 'cart', x: 7 } },
      ...more,
    });
  let attestor: WorkloadAttestor;
  let process: UnixPeer;
  beforeEach(async () => {
    engine = createServer((request, response) => {
      const [status, body] = answer(request.url ?? '');
      response.writeHead(status).end(body);
    });
    const socket = join(proc.root, 'docker.sock');
    await listen(engine, { path: socket });
    attestor = docker({ socket, files });
    process = proc.add(11, `0::/system.slice/docker-${id}.scope\n`);
  });
  afterEach(() => close(engine));

  test('says labels, environment and image of the container', async () => {
    answer = (path) => (path === `/containers/${id}/json` ? [200, inspected()] : [404, '']);
    expect(await attestor.attest(process)).toEqual([
      'docker:label:com.example/app:cart',
      'docker:env:A=b:c',
      'docker:env:EMPTY=',
      'docker:image_id:cart:1',
      'docker:image_id:sha256:cafe',
    ]);
  });

  test('says nothing of a process in no container, and asks nobody', async () => {
    answer = () => {
      throw new Error('asked');
    };
    expect(await attestor.attest(proc.add(11, '0::/system.slice/ssh.service\n'))).toEqual([]);
  });

  test.each<[string, [number, string]]>([
    ['knows no such container', [404, '{}']],
    ['fails', [500, '']],
    ['answers about another', [200, inspected({ Id: 'b'.repeat(64) })]],
    ['answers with no JSON', [200, '{']],
    ['answers with names twice', [200, `{"Id":"${id}","Id":"${id}"}`]],
    ['answers without end', [200, ' '.repeat(2 * 1024 * 1024)]],
  ])('rejects when the Engine %s', async (_, wrong) => {
    answer = () => wrong;
    await expect(attestor.attest(process)).rejects.toThrow();
  });
});

describe('kubernetes', () => {
  let kubelet: Server;
  let items: unknown[];
  let status: number;
  let asked: (string | undefined)[];
  let url: string;
  let pki: TestPki;
  const pod = (containerID: string, more: object = {}): object => ({
    metadata: { namespace: 'shop', name: 'cart-0', uid, labels: { app: 'cart', 'app.kubernetes.io/part-of': 'shop' } },
    spec: { serviceAccountName: 'cart', nodeName: 'worker-1' },
    status: {
      containerStatuses: [{ name: 'cart', image: 'registry/cart:1', imageID: 'registry/cart@sha256:0', containerID }],
    },
    ...more,
  });
  beforeAll(async () => {
    pki = await TestPki.create();
    const names = [{ type: 'dns', value: 'worker-1' } as const];
    const { certificates, privateKey } = await pki.identity('spiffe://x/y', { names });
    kubelet = createTlsServer({ cert: certificates.join(''), key: privateKey }, (request, response) => {
      asked.push(request.headers.authorization);
      response.writeHead(request.url === '/pods' ? status : 404).end(JSON.stringify({ kind: 'PodList', items }));
    });
    const address = await listen(kubelet, { host: '127.0.0.1', port: 0 });
    url = `https://127.0.0.1:${'port' in address ? address.port : 0}`;
  });
  afterAll(() => close(kubelet));

  const attestorWith = (clock = systemClock, serverName: string | undefined = 'worker-1'): WorkloadAttestor => {
    writeFileSync(join(proc.root, 'ca.pem'), pki.bundle.join(''));
    writeFileSync(join(proc.root, 'token'), 'reader\n');
    const config = { url, ca: join(proc.root, 'ca.pem'), token: join(proc.root, 'token'), serverName };
    return kubernetes({ kubelet: config, files, clock });
  };
  beforeEach(() => {
    [items, status, asked] = [[], 200, []];
  });

  test('says what the kubelet knows of pod and container, asked once for all', async () => {
    items = [pod(`containerd://${'b'.repeat(64)}`, { metadata: { uid: 'x' } }), pod(`containerd://${id}`)];
    const attestor = attestorWith();
    const process = proc.add(12, `0::${podPath}\n`);
    const [first, second] = await Promise.all([attestor.attest(process), attestor.attest(process)]);
    expect(first).toEqual([
      'k8s:ns:shop',
      'k8s:sa:cart',
      'k8s:pod-name:cart-0',
      `k8s:pod-uid:${uid}`,
      'k8s:node-name:worker-1',
      'k8s:pod-label:app:cart',
      'k8s:pod-label:app.kubernetes.io/part-of:shop',
      'k8s:container-name:cart',
      'k8s:container-image:registry/cart:1',
      'k8s:container-image:registry/cart@sha256:0',
    ]);
    expect(second).toEqual(first);
    expect(asked).toEqual(['Bearer reader']);
  });

  test('waits for a container that the kubelet does not tell of yet, and not forever', async () => {
    const process = proc.add(12, `0::${podPath}\n`);
    const waits: number[] = [];
    const clock = new ManualClock();
    const hurried = {
      now: () => clock.now(),
      monotonicMs: () => waits.length * 2000,
      sleep: (ms: number) => {
        waits.push(ms);
        if (waits.length === 2) items = [pod(`containerd://${id}`)];
        return Promise.resolve();
      },
    };
    expect(await attestorWith(hurried).attest(process)).toContain('k8s:ns:shop');
    items = [pod(`containerd://${id.slice(1)}1`), pod(`xcontainerd://y${id}`)];
    await expect(attestorWith(hurried).attest(process)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  test('says nothing of a process in no pod', async () => {
    expect(await attestorWith().attest(proc.add(12, `0::/system.slice/docker-${id}.scope\n`))).toEqual([]);
    expect(asked).toEqual([]);
  });

  test('rejects when the kubelet fails, or is not who it should be', async () => {
    const process = proc.add(12, `0::${podPath}\n`);
    status = 403;
    await expect(attestorWith().attest(process)).rejects.toThrow(/403/);
    status = 200;
    await expect(attestorWith(systemClock, 'worker-2').attest(process)).rejects.toThrow(/altnames/);
  });
});

describe('all of them', () => {
  const says = (name: string, attest: WorkloadAttestor['attest'], perProcess = false): WorkloadAttestor => ({
    name,
    prefixes: [`${name}:`],
    perProcess,
    attest,
  });
  const needing = (...selectors: string[]): Registration[] => [{ selectors } as unknown as Registration];
  const process = { pid: 1, uid: 1, gid: 1 };

  test('are asked only where a registration needs what they say', async () => {
    const asked: string[] = [];
    const one = (name: string): WorkloadAttestor =>
      says(name, () => {
        asked.push(name);
        return Promise.resolve([`${name}:x`]);
      });
    const attestors = new Attestors([one('a'), one('b')], silentLogger);
    expect(await attestors.selectorsOf(process, needing('b:x', 'unix:uid:1'))).toEqual(['b:x']);
    expect(asked).toEqual(['b']);
    expect(attestors.perProcess).toBe(false);
  });

  test('one that fails says nothing, is logged, and holds up no other', async () => {
    const lines: string[] = [];
    const broken = says('a', () => Promise.reject(new Error('away')), true);
    const attestors = new Attestors(
      [broken, says('b', () => Promise.resolve(['b:y']))],
      createLogger({ write: (line) => lines.push(line) }),
    );
    expect(await attestors.selectorsOf(process, needing('a:x', 'b:y'))).toEqual(['b:y']);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({ event: 'workload not attested', attestor: 'a', pid: 1 });
    expect(attestors.perProcess).toBe(true);
  });
});
