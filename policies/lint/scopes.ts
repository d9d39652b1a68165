import type { Endpoint, ServiceEntry } from '../documents/model.ts';
import type { PolicySet } from '../documents/policy-set.ts';
import { namedHandler } from '../compile/named-handler.ts';
import { selects } from '../compile/select.ts';
import { ruleFieldsOf } from '../explain/rule-fields.ts';
import { eachRule, observeDocument, observeRule } from './finding.ts';
import type { LintRule, Observation } from './finding.ts';

/** A workload that the documents name, and the ports it is known to serve at; undefined: not told. */
interface KnownWorkload {
  readonly namespace: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly ports: ReadonlySet<number> | undefined;
}

function knownWorkloads(set: PolicySet): KnownWorkload[] {
  const ofServices = set.serviceEntries
    .filter(({ location }) => location === 'MESH_INTERNAL')
    .flatMap((service) =>
      service.endpoints.map((endpoint) => ({
        namespace: service.metadata.namespace,
        labels: endpoint.labels,
        ports: portsOf(service, endpoint),
      })),
    );
  const ofEntries = set.workloadEntries.map(({ metadata: { namespace }, endpoint }) => {
    const services = set.serviceEntries.filter(
      ({ workloadSelector, metadata }) =>
        metadata.namespace === namespace &&
        workloadSelector !== undefined &&
        selects(workloadSelector, endpoint.labels),
    );
    const ports = services.flatMap((service) => [...portsOf(service, endpoint)]);
    return { namespace, labels: endpoint.labels, ports: services.length === 0 ? undefined : new Set(ports) };
  });
  return [...ofServices, ...ofEntries];
}

function portsOf(service: ServiceEntry, endpoint: Endpoint): Set<number> {
  return new Set(service.ports.map(({ name, number, targetPort }) => endpoint.ports.get(name) ?? targetPort ?? number));
}

interface Scoped {
  readonly metadata: { readonly namespace: string };
  readonly selector: ReadonlyMap<string, string>;
}

function inScope({ metadata, selector }: Scoped, workloads: readonly KnownWorkload[], root: string): KnownWorkload[] {
  return workloads.filter(
    ({ namespace, labels }) =>
      (metadata.namespace === root || metadata.namespace === namespace) && selects(selector, labels),
  );
}

export const selectorOfNobody: LintRule = {
  id: 'GL016',
  name: 'selector-of-nobody',
  severity: 'warning',
  summary: 'A selector that no workload of the documents has protects nothing.',
  *check(set): Generator<Observation> {
    const workloads = knownWorkloads(set);
    const root = set.mesh.rootNamespace;
    for (const document of [...set.authorization, ...set.requestAuthentication, ...set.peerAuthentication]) {
      if (document.selector.size === 0) continue;
      // Where the documents know no workload of that namespace, they say nothing about it.
      const near = inScope({ metadata: document.metadata, selector: new Map() }, workloads, root);
      if (near.length === 0 || inScope(document, near, root).length > 0) continue;
      const wanted = [...document.selector].map(([key, value]) => `\`${key}: ${value}\``).join(', ');
      yield observeDocument(document, 'spec.selector.matchLabels', {
        reason: `no workload of the documents has ${wanted}`,
        fix: 'correct the labels, or remove the document',
      });
    }
  },
};

export const unknownPort: LintRule = {
  id: 'GL027',
  name: 'unknown-port',
  severity: 'warning',
  summary: 'Ports are those of the workload, not of the service.',
  *check(set): Generator<Observation> {
    const workloads = knownWorkloads(set);
    for (const { policy, rule, index } of eachRule(set)) {
      const known = inScope(policy, workloads, set.mesh.rootNamespace);
      if (known.length === 0 || known.some(({ ports }) => ports === undefined)) continue;
      const served = new Set(known.flatMap(({ ports }) => [...(ports ?? [])]));
      for (const { key, path, values } of ruleFieldsOf(rule)) {
        const stray = key === 'destination.port' ? values.find((value) => !served.has(Number(value))) : undefined;
        if (stray === undefined) continue;
        const given = [...served].sort((a, b) => a - b).join(', ');
        yield observeRule(policy, index, path, {
          reason: `no service document gives a workload in scope the port ${stray}`,
          fix: `write the port of the workload: ${given}; or leave it, if the application behind its sidecar listens there`,
        });
      }
    }
  },
};

export const dryRunLeftOn: LintRule = {
  id: 'GL018',
  name: 'dry-run-left-on',
  severity: 'note',
  summary: 'A policy on trial is reported and decides nothing.',
  *check(set): Generator<Observation> {
    for (const policy of set.authorization.filter(({ dryRun }) => dryRun)) {
      yield observeDocument(policy, 'metadata.annotations', {
        reason: 'is a dry run: it decides nothing',
        fix: 'remove the annotation `istio.io/dry-run` when the trial is over',
      });
    }
  },
};

export const denyAll: LintRule = {
  id: 'GL019',
  name: 'deny-all',
  severity: 'warning',
  summary: 'A DENY rule that asks nothing denies everything; no ALLOW can open what it closes.',
  *check(set): Generator<Observation> {
    for (const { policy, rule, index } of eachRule(set)) {
      if (policy.action !== 'DENY' || policy.dryRun || ruleFieldsOf(rule).length > 0) continue;
      yield observeRule(policy, index, '', {
        reason: 'denies every request to every workload in scope, whatever ALLOW policies say',
        fix: 'remove it when the emergency is over; to deny by default, use an ALLOW policy without rules',
      });
    }
  },
};

export const unknownProvider: LintRule = {
  id: 'GL022',
  name: 'unknown-provider',
  severity: 'error',
  summary: 'A CUSTOM policy whose provider nobody declares denies all that it matches.',
  *check(set): Generator<Observation> {
    for (const policy of set.authorization) {
      const { action, provider, metadata } = policy;
      if (action !== 'CUSTOM' || namedHandler(policy, set.handlers, set.mesh.rootNamespace) !== undefined) continue;
      const near = set.handlers.filter(
        (handler) =>
          handler.metadata.namespace === metadata.namespace || handler.metadata.namespace === set.mesh.rootNamespace,
      );
      yield observeDocument(policy, 'spec.provider.name', {
        reason: `no Handler \`${provider ?? ''}\` is in its namespace or the root namespace: what the rules match is denied`,
        fix:
          near.length === 0
            ? 'add a Handler of that name'
            : `name one of ${near.map((handler) => `\`${handler.metadata.name}\``).join(', ')}`,
      });
    }
  },
};
