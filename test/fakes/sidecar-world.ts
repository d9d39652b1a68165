import { once } from 'node:events';
import { type RequestListener, type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { compile, decide, loadPolicies } from '#policies/index.ts';
import { type AttributeBag, type MapBag, decodeAttributes, decodeReport } from '#proto/attributes/index.ts';
import { Decision } from '#proto/gen/garrison/v1/decision.ts';
import { type Revision, RevisionsService } from '#proto/gen/garrison/v1/revisions.ts';
import { type CheckResponse, MixerService, type RouteDirective } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { type Address, isUnix } from '#runtime/address.ts';
import { systemClock } from '#runtime/clock.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import { staticIdentity } from '#runtime/identity-source.ts';
import { type Logger, silentLogger } from '#runtime/logger.ts';
import { type Sidecar, type SidecarSettings, composeSidecar } from '#services/sidecar/compose.ts';
import { RotatableIdentity, TestPki } from '#test/fakes/mesh-pki.ts';

export const anyPort = { host: '127.0.0.1', port: 0 } as const;

/** What the fake authorization service answers; absent parts are an allow. */
export interface Ruling {
  readonly effect?: 'allow' | 'deny';
  readonly httpStatus?: number;
  readonly code?: number;
  readonly policy?: string;
  readonly directive?: RouteDirective;
  readonly audit?: readonly string[];
  readonly shadowAllow?: string;
  readonly shadowDeny?: string;
}

export function checkResponse(ruling: Ruling, id = 'decision-1'): CheckResponse {
  const { effect = 'allow', httpStatus = effect === 'allow' ? 200 : 403, policy = 'none', directive } = ruling;
  const { audit = [], shadowAllow = '', shadowDeny = '' } = ruling;
  const said = { id, effect, policy, rule: 0, revision: 1n, reason: 'because', httpStatus };
  const detail = Decision.encode({ ...said, audit, shadowAllow, shadowDeny }).finish();
  return {
    precondition: {
      status: {
        code: ruling.code ?? (effect === 'allow' ? 0 : 7),
        message: '',
        details: [{ typeUrl: 'type.googleapis.com/garrison.v1.Decision', value: Buffer.from(detail) }],
      },
      validDuration: undefined,
      validUseCount: 0,
      referencedAttributes: undefined,
      routeDirective: directive,
    },
    quotas: new Map(),
  };
}

/** What a real engine answers under these documents. */
export function ruledBy(documents: string): (bag: AttributeBag) => Ruling {
  const loaded = loadPolicies([{ name: 'rules.yaml', text: documents }]);
  if (!loaded.ok) throw new Error('the documents are broken');
  const program = compile(loaded.set, 1);
  return (bag) => {
    const { effect, status, policy } = decide(program, bag);
    return { effect, httpStatus: status, policy };
  };
}

export interface World extends AsyncDisposable {
  readonly pki: TestPki;
  readonly addresses: { readonly authz: Address; readonly telemetry: Address };
  /** Every bag that was asked about, in order. */
  readonly asked: AttributeBag[];
  /** Every bag that was reported, in order. */
  readonly reported: MapBag[];
  /** Replaces what the authorization service answers. It may throw or never answer. */
  rule(decide: (bag: AttributeBag) => Ruling | Promise<Ruling>): void;
  /** Brings documents into force everywhere. */
  push(documents: string): void;
  stopAuthz(): Promise<void>;
  sidecar(options: SidecarOptions): Promise<RunningSidecar>;
  application(listener: RequestListener): Promise<Application>;
  /** Disposed with the world, last come first gone. */
  keep(thing: AsyncDisposable): void;
}

export interface Application {
  readonly server: Server;
  readonly address: { readonly host: string; readonly port: number };
}

export interface SidecarOptions extends Partial<Omit<SidecarSettings, 'workload'>> {
  readonly serviceAccount: string;
  readonly gateway?: boolean;
  readonly ready?: boolean;
  readonly logger?: Logger;
}

export interface RunningSidecar {
  readonly sidecar: Sidecar;
  readonly identity: RotatableIdentity;
  readonly inboundPort: number;
  readonly outboundPort: number;
  readonly adminPort: number;
}

export const spiffeIdOf = (serviceAccount: string): string => `spiffe://cluster.local/ns/shop/sa/${serviceAccount}`;

/** The mesh around sidecars under test: an authorization service and a collector that do as told, over real mTLS. */
export async function startWorld(documents = ''): Promise<World> {
  const pki = await TestPki.create();
  const things: AsyncDisposable[] = [];
  const asked: AttributeBag[] = [];
  const reported: MapBag[] = [];
  let decide: (bag: AttributeBag) => Ruling | Promise<Ruling> = () => ({});
  let revision = revisionOf(1n, documents);
  const watchers = new Set<() => void>();

  const authz = new GrpcServer({ logger: silentLogger, drainMs: 50 })
    .unary(MixerService.check, async ({ attributes }) => {
      const bag = decodeAttributes(attributes!);
      asked.push(bag);
      return checkResponse(await decide(bag), `decision-${asked.length}`);
    })
    .serverStream(RevisionsService.watch, async function* (_request, { signal }) {
      let sent: Revision | undefined;
      while (!signal.aborted) {
        if (sent !== revision) {
          sent = revision;
          yield revision;
          continue;
        }
        await new Promise<void>((resolve) => {
          watchers.add(resolve);
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
    });
  const telemetry = new GrpcServer({ logger: silentLogger, drainMs: 50 }).unary(MixerService.report, (request) => {
    reported.push(...decodeReport(request).elements.map(({ bag }) => bag));
    return {};
  });
  const listenAs = async (server: GrpcServer, name: string): Promise<Address> => {
    const identity = staticIdentity(await pki.identity(`spiffe://cluster.local/garrison/${name}`));
    return server.listen(anyPort, { kind: 'tls', identity, clientCertificate: 'require' });
  };
  const addresses = { authz: await listenAs(authz, 'authz'), telemetry: await listenAs(telemetry, 'telemetry') };
  things.push(telemetry, authz);

  return {
    pki,
    addresses,
    asked,
    reported,
    rule: (next) => (decide = next),
    push: (text) => {
      revision = revisionOf(revision.number + 1n, text);
      for (const wake of watchers) wake();
      watchers.clear();
    },
    stopAuthz: () => authz[Symbol.asyncDispose](),
    keep: (thing) => things.push(thing),
    application: async (listener) => {
      const server = createServer(listener);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      things.push({
        [Symbol.asyncDispose]: async () => {
          server.closeAllConnections();
          await new Promise((resolve) => server.close(resolve));
        },
      });
      return { server, address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port } };
    },
    sidecar: async (options) => {
      const { serviceAccount, gateway = false, ready = true, logger = silentLogger, ...settings } = options;
      const identity = new RotatableIdentity(await pki.identity(spiffeIdOf(serviceAccount)));
      const workload = { namespace: 'shop', name: `${serviceAccount}-v1`, serviceAccount, gateway };
      const sidecar = await composeSidecar(
        {
          workload: { ...workload, labels: new Map([['app', serviceAccount]]) },
          ...addresses,
          inbound: [],
          outbound: undefined,
          admin: anyPort,
          failOpen: false,
          revealReasons: false,
          checkTimeoutMs: 2000,
          drainMs: 2000,
          ...settings,
        },
        { identity, clock: systemClock, logger },
      );
      things.push(sidecar);
      if (ready) await sidecar.admin.readiness.ready();
      const { inbound, outbound, admin } = sidecar.addresses;
      return {
        sidecar,
        identity,
        inboundPort: portOf(inbound[0]),
        outboundPort: portOf(outbound),
        adminPort: portOf(admin),
      };
    },
    [Symbol.asyncDispose]: async () => {
      for (const thing of things.reverse()) await thing[Symbol.asyncDispose]();
    },
  };
}

function revisionOf(number: bigint, text: string): Revision {
  const mesh = {
    trustDomain: 'cluster.local',
    trustDomainAliases: [],
    rootNamespace: 'istio-system',
    profile: 'strict',
    namespaceProfiles: new Map(),
    pathNormalization: '',
  };
  return {
    number,
    activated: { seconds: 0n, nanos: 0 },
    files: [{ name: 'all.yaml', text }],
    mesh,
  };
}

function portOf(address: Address | undefined): number {
  return address === undefined || isUnix(address) ? 0 : address.port;
}

/** A service `host:80` of namespace shop with endpoints at the ports, run by the service account. */
export function serviceEntry(host: string, serviceAccount: string, ports: readonly number[], more = ''): string {
  const endpoints = ports.map(
    (port) => `{ address: 127.0.0.1, ports: { http: ${port} }, serviceAccount: ${serviceAccount} }`,
  );
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${host.replaceAll('.', '-')}, namespace: shop }
spec:
  hosts: [${host}]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  location: MESH_INTERNAL
  resolution: STATIC
  endpoints: [${endpoints.join(', ')}]
${more}---
`;
}

export function peerAuthentication(mode: string): string {
  return `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: ${mode} } }
---
`;
}
