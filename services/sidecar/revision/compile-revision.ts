import { unreadCedar } from '#policies/cedar/index.ts';
import { compileSteps } from '#policies/compile/program.ts';
import { targetToForward } from '#policies/decide/look-at-path.ts';
import { type Registry, compileRegistry, mtlsModeFor } from '#policies/index.ts';
import {
  type Mesh,
  PolicyLoader,
  type Profile,
  describeFault,
  pathNormalizations,
  profileIn,
  profiles,
} from '#policies/documents/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Revision } from '#proto/gen/garrison/v1/revisions.ts';
import type { Steps } from '#schema/index.ts';
import { parseAddress } from '#runtime/address.ts';
import { type Route, splitHost } from '../outbound/route.ts';
import type { OwnWorkload } from '../workload.ts';
import type { ActiveRevision } from './active-revision.ts';
import { headersAskedAbout } from './asked-headers.ts';

/**
 * Reads pushed revisions by the very code that validated them, save Cedar: deciding is not done from here. In steps, because
 * requests pass meanwhile; files that did not change are not read again.
 */
export class RevisionReader {
  readonly #workload: OwnWorkload;
  readonly #spiffeId: () => string;
  #loader: { readonly mesh: string; readonly policies: PolicyLoader } | undefined = undefined;

  constructor(workload: OwnWorkload, spiffeId: () => string) {
    this.#workload = workload;
    this.#spiffeId = spiffeId;
  }

  /** Throws INVALID_ARGUMENT when it cannot be read here. */
  *read(revision: Revision): Steps<ActiveRevision> {
    const loaded = yield* this.#loaderFor(meshOf(revision)).load(revision.files, unreadCedar);
    if (!loaded.ok) {
      const [first] = loaded.faults.filter(({ severity }) => severity === 'error');
      throw new GarrisonError('INVALID_ARGUMENT', first === undefined ? 'it cannot be read' : describeFault(first), {
        place: `revision ${revision.number}`,
        remedy: 'run the same version of garrison here and as authorization service',
      });
    }
    const { set } = loaded;
    const own = { ...this.#workload, services: [] };
    const inUse = [{ workload: own, transports: [], cedar: false }];
    const program = yield* compileSteps(set, Number(revision.number), inUse);
    const registry = compileRegistry(set);
    const spiffeId = this.#spiffeId();
    const { settings, tokens, policies } = program.forWorkload(own);
    const asked = yield* headersAskedAbout(policies);
    return {
      number: revision.number,
      activated:
        revision.activated && new Date(Number(revision.activated.seconds) * 1000 + revision.activated.nanos / 1e6),
      documents: set.documents.length,
      profile: profileIn(set.mesh, own.namespace),
      modeFor: (port, listenPort) => mtlsModeFor(program, own, port, listenPort),
      readTarget: (method, target) => targetToForward(settings, method, target),
      isWritten: (name) => tokens?.writes(name) === true,
      isAskedAbout: (name) => asked.has(name.replaceAll('_', '-')),
      findRoute: (host, port) => routeOf(registry, host, port),
      ownService: (written) => {
        const { host, port } = splitHost(written);
        const route = routeOf(registry, host, port);
        return route?.endpoints.some(({ identities }) => identities.includes(spiffeId)) === true
          ? route.host
          : undefined;
      },
    };
  }

  #loaderFor(mesh: Partial<Mesh>): PolicyLoader {
    const text = JSON.stringify([mesh, [...(mesh.namespaceProfiles ?? [])]]);
    if (this.#loader?.mesh !== text) this.#loader = { mesh: text, policies: new PolicyLoader(mesh) };
    return this.#loader.policies;
  }
}

function meshOf({ mesh }: Revision): Partial<Mesh> {
  if (mesh === undefined) return {};
  const { trustDomain, trustDomainAliases, rootNamespace } = mesh;
  const namespaceProfiles = new Map([...mesh.namespaceProfiles].map(([name, profile]) => [name, profileOf(profile)]));
  const profile = profileOf(mesh.profile);
  const pathNormalization = levelOf(mesh.pathNormalization);
  return { trustDomain, trustDomainAliases, rootNamespace, profile, namespaceProfiles, pathNormalization };
}

function levelOf(name: string): Mesh['pathNormalization'] {
  if (name === '') return null;
  const level = pathNormalizations.find((known) => known === name);
  if (level !== undefined) return level;
  throw new GarrisonError('INVALID_ARGUMENT', `the path normalization \`${name}\` is not known here`);
}

function profileOf(name: string): Profile {
  const profile = profiles.find((known) => known === name);
  if (profile !== undefined) return profile;
  throw new GarrisonError('INVALID_ARGUMENT', `the profile \`${name}\` is not known here`);
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
