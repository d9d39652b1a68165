import { readBlock } from '../../compile/address.ts';
import { check, field, integer, list, map, object, oneOf, quoteable, record, string } from '#schema/index.ts';
import type { Here, Parsed, Shape } from '#schema/index.ts';
import { documentShape } from '../document-shape.ts';
import { endpoint, isHostName, isIpAddress } from '../endpoint.ts';
import { metadataWithoutDryRun } from '../metadata.ts';
import type { ServiceEntry } from '../model.ts';

const protocols = ['HTTP', 'HTTPS', 'GRPC', 'HTTP2', 'MONGO', 'TCP', 'TLS'] as const;

const portNumber = integer({ min: 1, max: 65535 });
const port = object({
  number: field(portNumber, { describe: 'Port that clients connect to.', required: true }),
  name: field(string({ minLength: 1 }), { describe: 'Name, unique in the service.', required: true }),
  protocol: field(string({ minLength: 1 }), { describe: `What is spoken: ${protocols.join(', ')}.`, default: 'TCP' }),
  targetPort: field(portNumber, { describe: 'Port of the workloads, where it differs.' }),
});

const host: Shape<string> = check(string({ minLength: 1 }), (value, here) => {
  const name = value.startsWith('*.') ? value.slice(2) : value;
  if (value === '*') here.fault('`*` would stand for every host', 'name a domain: `*.example.com`');
  else if (isIpAddress(value)) here.fault(`\`${value}\` is an address, not a host`, 'write it in `addresses`');
  else if (!isHostName(name))
    here.fault(`\`${quoteable(value)}\` is not a host name`, 'write `a.example.com` or `*.example.com`');
});

const address: Shape<string> = check(string({ minLength: 1 }), (value, here) => {
  try {
    readBlock(value, false);
  } catch {
    here.fault(`\`${quoteable(value)}\` is neither an IP address nor a CIDR block`);
  }
});

const workloadSelector = map(
  object({
    labels: field(record(string()), {
      describe: 'Labels that a WorkloadEntry must carry, all of them.',
      required: true,
    }),
  }),
  (value) => value.labels,
);

const spec = check(
  object({
    hosts: field(list(host, { min: 1, max: 256 }), {
      describe: 'Names of the service; `*.` stands for what is below.',
      required: true,
    }),
    addresses: field(list(address), { describe: 'Virtual addresses of the service.', default: [] }),
    ports: field(list(port), { describe: 'Ports of the service.', default: [] }),
    location: field(oneOf(['MESH_EXTERNAL', 'MESH_INTERNAL']), {
      describe: 'Whether its workloads are part of the mesh and have its identities.',
      default: 'MESH_EXTERNAL' as const,
    }),
    resolution: field(oneOf(['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS']), {
      describe: 'How an endpoint is found.',
      default: 'NONE' as const,
    }),
    endpoints: field(list(endpoint), { describe: 'Where the service runs.', default: [] }),
    workloadSelector: field(workloadSelector, {
      describe: 'WorkloadEntry documents of the namespace that are its endpoints.',
    }),
    subjectAltNames: field(list(string({ minLength: 1 })), {
      describe: 'Identities its servers may show, instead of those of its endpoints.',
      default: [],
    }),
    exportTo: field(list(string({ minLength: 1 })), {
      describe: 'Namespaces that see the service; not read.',
      default: [],
    }),
  }),
  (value, here) => {
    checkPorts(value, here);
    checkEndpoints(value, here);
  },
);
type Spec = Parsed<typeof spec>;

function checkPorts({ ports }: Spec, here: Here): void {
  const seen = new Set<string | number>();
  for (const [index, each] of ports.entries()) {
    if (!protocols.some((known) => known === each.protocol.toUpperCase())) {
      const known = protocols.map((name) => `\`${name}\``).join(', ');
      here.fault(
        `\`${quoteable(each.protocol)}\` is not a protocol`,
        `use one of ${known}`,
        'ports',
        index,
        'protocol',
      );
    }
    for (const key of ['name', 'number'] as const) {
      if (seen.has(each[key]))
        here.fault(`port ${key} \`${each[key]}\` is given twice`, 'keep one', 'ports', index, key);
      seen.add(each[key]);
    }
  }
}

function checkEndpoints({ endpoints, ports, resolution, workloadSelector: selected, hosts }: Spec, here: Here): void {
  if (selected !== undefined && endpoints.length > 0) {
    here.fault('`endpoints` and `workloadSelector` exclude each other', 'keep one of them', 'workloadSelector');
  }
  if (resolution === 'NONE' && endpoints.length > 0) {
    here.fault('endpoints mean nothing with resolution NONE', 'use `resolution: STATIC` or `DNS`', 'endpoints');
  }
  if (resolution === 'STATIC' && !here.has('endpoints') && selected === undefined && !here.has('workloadSelector')) {
    here.fault('STATIC needs endpoints', 'add `endpoints` or a `workloadSelector`', 'endpoints');
  }
  if (
    resolution.startsWith('DNS') &&
    endpoints.length === 0 &&
    selected === undefined &&
    hosts.some((name) => name.startsWith('*'))
  ) {
    here.fault('a host with `*` cannot be looked up', 'add `endpoints`', 'endpoints');
  }
  const names = new Set(ports.map((each) => each.name));
  for (const [index, each] of endpoints.entries()) {
    if (resolution === 'STATIC' && isHostName(each.address) && !each.address.startsWith('unix://')) {
      const reason = `\`${each.address}\` is no IP address, which STATIC needs`;
      here.fault(reason, 'write an IP address, or use `resolution: DNS`', 'endpoints', index, 'address');
    }
    for (const name of each.ports.keys()) {
      if (!names.has(name))
        here.fault(
          `the service has no port \`${quoteable(name)}\``,
          'use a name of `ports`',
          'endpoints',
          index,
          'ports',
          name,
        );
    }
  }
}

export const serviceEntry: Shape<ServiceEntry> = documentShape({
  apiVersions: ['networking.istio.io/v1', 'networking.istio.io/v1beta1', 'networking.istio.io/v1alpha3'],
  kind: 'ServiceEntry',
  describe: 'A service of the registry: its names, ports, and where it runs.',
  metadata: metadataWithoutDryRun,
  spec,
  finish: (metadata, { exportTo: _notRead, ...value }): ServiceEntry => ({ kind: 'ServiceEntry', metadata, ...value }),
});
