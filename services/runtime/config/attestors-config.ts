import { type Shape, field, map, object, string } from '#schema/index.ts';
import { dnsName, pathIn } from './shapes.ts';

/** What is found out of workloads beside the kernel's own word. Off where it is left out. */
export interface AttestorsConfig {
  readonly systemd: { readonly systemctl: string } | undefined;
  readonly docker: { readonly socket: string } | undefined;
  readonly k8s: KubeletConfig | undefined;
}

export interface KubeletConfig {
  readonly url: string;
  readonly ca: string | undefined;
  readonly token: string | undefined;
  readonly serverName: string | undefined;
}

export const unixOnly: AttestorsConfig = { systemd: undefined, docker: undefined, k8s: undefined };

/** Over plain HTTP only the read-only port of this host, whose answers nobody else can give. */
const kubeletUrl: Shape<string> = map(string({ minLength: 1 }), (written, here) => {
  const url = URL.canParse(written) ? new URL(written) : undefined;
  const isLocal = url?.protocol === 'http:' && ['127.0.0.1', '[::1]'].includes(url.hostname);
  if (url !== undefined && (url.protocol === 'https:' || isLocal) && url.username + url.password === '')
    return url.href;
  here.fault('is no https URL of a kubelet', 'write it as `https://127.0.0.1:10250`');
  return undefined;
});

export function attestorsShape(folder: string): Shape<AttestorsConfig> {
  const systemd = object({
    systemctl: field(pathIn(folder), {
      default: '/usr/bin/systemctl',
      describe: 'the program that says where a unit’s file lies; `/usr/bin/systemctl`',
    }),
  });
  const docker = object({
    socket: field(pathIn(folder), {
      default: '/var/run/docker.sock',
      describe: 'the socket of the Engine API; `/var/run/docker.sock`',
    }),
  });
  const k8s = object({
    kubelet: field(kubeletUrl, {
      default: 'https://127.0.0.1:10250',
      describe: 'the kubelet of this node; `https://127.0.0.1:10250`',
    }),
    ca: field(pathIn(folder), { describe: 'a PEM file: who signed the kubelet’s certificate' }),
    token: field(pathIn(folder), { describe: 'a file with the token that is shown to it, read anew each time' }),
    serverName: field(dnsName, { describe: 'the name in its certificate, where that is not the URL’s' }),
  });
  return object({
    systemd: field(systemd, { nullable: true, describe: 'selectors `systemd:id:…` and `systemd:fragment_path:…`' }),
    docker: field(docker, {
      nullable: true,
      describe: 'selectors `docker:label:…`, `docker:env:…`, `docker:image_id:…`',
    }),
    k8s: field(
      map(k8s, ({ kubelet, ...rest }) => ({ url: kubelet, ...rest })),
      { nullable: true, describe: 'selectors `k8s:ns:…`, `k8s:sa:…`, `k8s:pod-label:…` and others of the pod' },
    ),
  });
}
