import { observeDocument } from './finding.ts';
import type { LintRule, Observation } from './finding.ts';

/**
 * What somebody decides who merely starts a process: which program, with which labels. Any user may start a program and
 * tell it what to load beside (LD_PRELOAD), so its path and its hash are no user's own.
 */
const chosenByStarter =
  /^(?:unix:(?:path|sha256)|docker:(?:label|env|image_id)|k8s:(?:pod-label|pod-name|container-name|container-image|node-name)):/;

export const starterDecides: LintRule = {
  id: 'GL029',
  name: 'starter-decides',
  severity: 'warning',
  summary: 'Whoever may start a process or a container with the right labels gets the identity.',
  *check(set): Generator<Observation> {
    for (const registration of set.registrations) {
      if (!registration.selectors.every((selector) => chosenByStarter.test(selector))) continue;
      yield observeDocument(registration, 'spec.selectors', {
        reason: 'holds for whatever anybody on the host starts under these names',
        fix: 'add who runs it: `unix:user:`, `unix:uid:`, `systemd:id:`, `k8s:ns:` or `k8s:sa:`',
      });
    }
  },
};

export const nodeOfEverything: LintRule = {
  id: 'GL030',
  name: 'node-of-everything',
  severity: 'warning',
  summary: 'A node that may ask for every identity is worth the whole mesh to a thief.',
  *check(set): Generator<Observation> {
    for (const registration of set.registrations) {
      for (const [index, identity] of (registration.node?.identities ?? []).entries()) {
        if (!/^spiffe:\/\/[^/]+\/(?:ns\/)?\*$/.test(identity)) continue;
        yield observeDocument(registration, `spec.node.identities[${index}]`, {
          reason: `\`${identity}\` is every workload there is`,
          fix: 'name the namespaces whose workloads run on the node',
        });
      }
    }
  },
};
