import { unreadCedar } from '#policies/cedar/index.ts';
import { type Registry, compile, compileRegistry, mtlsModeFor } from '#policies/index.ts';
import { type Mesh, type Profile, describeFault, loadPolicies, profiles } from '#policies/documents/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Revision } from '#proto/gen/garrison/v1/revisions.ts';
import { parseAddress } from '#runtime/address.ts';
import { type Route, splitHost } from '../outbound/route.ts';
import type { OwnWorkload } from '../workload.ts';
import type { ActiveRevision } from './active-revision.ts';

/** Reads a pushed revision by the very code that validated it, save Cedar: deciding is not done from here. Throws INVALID_ARGUMENT when it cannot be read here. */
export function compileRevision(revision: Revision, workload: OwnWorkload, spiffeId: string): ActiveRevision {
  const loaded = loadPolicies(revision.files, meshOf(revision), { cedar: unreadCedar });
  if (!loaded.ok) {
    const [first] = loaded.faults.filter(({ severity }) => severity === 'error');
    throw new GarrisonError('INVALID_ARGUMENT', first === undefined ? 'it cannot be read' : describeFault(first), {
      place: `revision ${revision.number}`,
      remedy: 'run the same version of garrison here and as authorization service',
    });
  }
  const { set } = loaded;
  const program = compile(set, Number(revision.number));
  const registry = compileRegistry(set);
  const own = { ...workload, services: [] };
  return {
    number: revision.number,
    activated:
      revision.activated && new Date(Number(revision.activated.seconds) * 1000 + revision.activated.nanos / 1e6),
    documents: set.documents.length,
    profile: set.mesh.profile,
    modeFor: (port) => mtlsModeFor(program, own, port),
    findRoute: (host, port) => routeOf(registry, host, port),
    ownService: (written) => {
      const { host, port } = splitHost(written);
      const route = routeOf(registry, host, port);
      return route?.endpoints.some(({ identities }) => identities.includes(spiffeId)) === true ? route.host : undefined;
    },
  };
}

function meshOf({ mesh }: Revision): Partial<Mesh> {
  if (mesh === undefined) return {};
  const { trustDomain, trustDomainAliases, rootNamespace } = mesh;
  const profile = profiles.find((name): name is Profile => name === mesh.profile);
  if (profile === undefined) {
    throw new GarrisonError('INVALID_ARGUMENT', `the profile \`${mesh.profile}\` is not known here`);
  }
  return { trustDomain, trustDomainAliases, rootNamespace, profile };
}

function routeOf(registry: Registry, host: string, port: number | undefined): Route | undefined {
  const found = registry.lookup(host, port ?? impliedPort(registry, host));
  if (found === undefined) return undefined;
  const { service, endpoints } = found;
  return {
    // A wildcard is no name for anybody: then it is the one that was asked for.
    host: service.hosts.find((name) => name.toLowerCase() === host) ?? host,
    namespace: service.metadata.namespace,
    external: service.location === 'MESH_EXTERNAL',
    endpoints: endpoints.map(({ address, port: at, labels, identities }) => ({
      address: address.startsWith('unix:') ? parseAddress(address) : { host: address, port: at },
      labels,
      identities,
    })),
  };
}

/** A Host without a port means HTTP's own; where the service has none there but just one, that one is meant. */
function impliedPort(registry: Registry, host: string): number {
  if (registry.lookup(host, 80) !== undefined) return 80;
  const numbers = new Set(
    registry.services
      .filter(({ hosts }) => hosts.includes(host))
      .flatMap(({ ports }) => ports.map(({ number }) => number)),
  );
  const [only] = numbers;
  return numbers.size === 1 && only !== undefined ? only : 80;
}
