import type { Shape } from '#schema/index.ts';
import { documentShape } from '../document-shape.ts';
import { endpoint } from '../endpoint.ts';
import { metadataWithoutDryRun } from '../metadata.ts';
import type { WorkloadEntry } from '../model.ts';

export const workloadEntry: Shape<WorkloadEntry> = documentShape({
  apiVersions: ['networking.istio.io/v1', 'networking.istio.io/v1beta1', 'networking.istio.io/v1alpha3'],
  kind: 'WorkloadEntry',
  describe: 'Where one workload runs, and as which service account.',
  metadata: metadataWithoutDryRun,
  spec: endpoint,
  finish: (metadata, spec): WorkloadEntry => ({ kind: 'WorkloadEntry', metadata, endpoint: spec }),
});
