import { GarrisonError } from '#proto/errors/index.ts';
import type { AttributeBag } from '#proto/attributes/index.ts';
import type { Program } from '../compile/program.ts';
import type { WorkloadProgram } from '../compile/workload-program.ts';
import type { Workload } from '../compile/select.ts';
import { readIdentity } from './identity.ts';
import { readFlag, readMap, readText } from './read-attribute.ts';

const noLabels: ReadonlyMap<string, string> = new Map();
const uidScheme = 'garrison://';

/** The workload that a bag says is called. */
export function workloadOf(bag: AttributeBag): Workload {
  return {
    namespace: namespaceOf(bag),
    name: readText(bag, 'destination.workload.name') ?? partOfUid(bag, 1) ?? '',
    serviceAccount: readIdentity(readText(bag, 'destination.principal') ?? '').account?.split('/')[1] ?? '',
    labels: readMap(bag, 'destination.labels') ?? noLabels,
    gateway: readFlag(bag, 'garrison.destination.gateway'),
    services: (readText(bag, 'garrison.destination.services') ?? '').split(',').filter((name) => name !== ''),
  };
}

/** What is in force for the called workload. Reads no more of the bag than the documents make necessary. */
export function programOf(program: Program, bag: AttributeBag): WorkloadProgram {
  const scope = program.scope(namespaceOf(bag));
  if (scope.hasTargets && readFlag(bag, 'garrison.destination.gateway')) return program.forWorkload(workloadOf(bag));
  const labels = scope.hasLabels ? (readMap(bag, 'destination.labels') ?? noLabels) : noLabels;
  return scope.find(labels) ?? program.forWorkload(workloadOf(bag));
}

function namespaceOf(bag: AttributeBag): string {
  const namespace =
    readText(bag, 'destination.namespace') ?? readText(bag, 'destination.workload.namespace') ?? partOfUid(bag, 0);
  if (namespace !== undefined && namespace !== '') return namespace;
  throw new GarrisonError('INVALID_ARGUMENT', 'attribute `destination.namespace` is missing', {
    remedy: 'say which workload is called: policies are in force for workloads',
  });
}

/** `garrison://NAMESPACE/NAME`. */
function partOfUid(bag: AttributeBag, index: 0 | 1): string | undefined {
  const uid = readText(bag, 'destination.uid');
  return uid?.startsWith(uidScheme) === true ? uid.slice(uidScheme.length).split('/')[index] : undefined;
}
