import type { Endpoint, ServiceEntry, ServicePort, WorkloadEntry } from '../documents/model.ts';
import type { PolicySet } from '../documents/policy-set.ts';
import { selects } from '../compile/select.ts';
import { withoutPort } from '../decide/host.ts';
import { lowerCase } from '../decide/lower-case.ts';

/** One place where a service runs, with the port to connect to there. */
export interface RegistryEndpoint {
  /** IP address, DNS name, or `unix:///path`. */
  readonly address: string;
  readonly port: number;
  readonly labels: ReadonlyMap<string, string>;
  readonly serviceAccount: string | undefined;
  /** SPIFFE IDs that a server there may show; empty: the documents name none. */
  readonly identities: readonly string[];
}

export interface RegistryMatch {
  readonly service: ServiceEntry;
  readonly port: ServicePort;
  readonly endpoints: readonly RegistryEndpoint[];
  /** SPIFFE IDs that any server of the service may show. */
  readonly identities: readonly string[];
}

/** Which service a host and a port mean. */
export interface Registry {
  lookup(host: string, port: number): RegistryMatch | undefined;
  readonly services: readonly ServiceEntry[];
}

/** The service registry that ServiceEntry and WorkloadEntry documents make together. */
export function compileRegistry(set: PolicySet): Registry {
  const exact = new Map<string, ServiceEntry[]>();
  /** By the suffix behind the star, its dot included. */
  const wildcards = new Map<string, ServiceEntry[]>();
  for (const service of set.serviceEntries) {
    for (const host of service.hosts) {
      const lower = lowerCase(host);
      if (lower.startsWith('*')) append(wildcards, lower.slice(1), service);
      else append(exact, lower, service);
    }
  }
  const found = new Map<string, RegistryMatch | undefined>();
  const lookup = (host: string, port: number): RegistryMatch | undefined => {
    const name = canonicalHost(host);
    const key = `${name}:${port}`;
    if (!found.has(key)) {
      // Clients choose the names they ask for, so the memory of answers is bounded.
      if (found.size >= 10_000) found.clear();
      found.set(key, matchFor(servicesFor(name, exact, wildcards), port, set, name));
    }
    return found.get(key);
  };
  return { lookup, services: set.serviceEntries };
}

/** Lower case, without its port and without the dot that ends a full domain name. */
function canonicalHost(host: string): string {
  const name = withoutPort(lowerCase(host));
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

/** Services of a host: the exact name first, then wildcards, the longest first. */
function* servicesFor(
  host: string,
  exact: ReadonlyMap<string, readonly ServiceEntry[]>,
  wildcards: ReadonlyMap<string, readonly ServiceEntry[]>,
): Generator<ServiceEntry> {
  yield* exact.get(host) ?? [];
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1))
    yield* wildcards.get(host.slice(dot)) ?? [];
  yield* wildcards.get('') ?? [];
}

function matchFor(
  services: Iterable<ServiceEntry>,
  number: number,
  set: PolicySet,
  host: string,
): RegistryMatch | undefined {
  for (const service of services) {
    const port = service.ports.find((candidate) => candidate.number === number);
    if (port === undefined) continue;
    const endpoints = endpointsOf(service, set.workloadEntries, host).map((endpoint) => ({
      address: endpoint.address,
      port: endpoint.ports.get(port.name) ?? port.targetPort ?? port.number,
      labels: endpoint.labels,
      serviceAccount: endpoint.serviceAccount,
      identities: identitiesOf(service, endpoint, set),
    }));
    const identities = [
      ...new Set([...service.subjectAltNames, ...endpoints.flatMap((endpoint) => endpoint.identities)]),
    ];
    return { service, port, endpoints, identities };
  }
  return undefined;
}

/** A service without endpoints of its own runs at its addresses, else where its name leads. */
function endpointsOf(service: ServiceEntry, workloads: readonly WorkloadEntry[], host: string): readonly Endpoint[] {
  if (service.workloadSelector !== undefined) {
    const selector = service.workloadSelector;
    return workloads
      .filter(
        ({ metadata, endpoint }) =>
          metadata.namespace === service.metadata.namespace && selects(selector, endpoint.labels),
      )
      .map(({ endpoint }) => endpoint);
  }
  if (service.endpoints.length > 0) return service.endpoints;
  const single = service.addresses.filter((address) => !address.includes('/'));
  return (single.length > 0 && service.resolution !== 'DNS' ? single : [host]).map((address) => ({
    address,
    ports: new Map(),
    labels: new Map(),
    serviceAccount: undefined,
    weight: undefined,
  }));
}

/** Subject alternative names decide where they are given; else the service account in the entry's namespace does. */
function identitiesOf(service: ServiceEntry, endpoint: Endpoint, { mesh }: PolicySet): readonly string[] {
  if (service.subjectAltNames.length > 0) return service.subjectAltNames;
  const { serviceAccount } = endpoint;
  if (serviceAccount === undefined) return [];
  return [mesh.trustDomain, ...mesh.trustDomainAliases].map(
    (trustDomain) => `spiffe://${trustDomain}/ns/${service.metadata.namespace}/sa/${serviceAccount}`,
  );
}

function append(table: Map<string, ServiceEntry[]>, key: string, service: ServiceEntry): void {
  const known = table.get(key);
  if (known === undefined) table.set(key, [service]);
  else known.push(service);
}
