import { compile, loadPolicies } from '#policies/index.ts';
import { readYaml } from '#schema/index.ts';
import { publish } from './harness.ts';
import type { Measurement } from './harness.ts';

/**
 * What it takes to bring documents into force, in processor time, so that a busy machine does not show:
 * text to trees, trees to documents, documents to a program that has decided nothing yet.
 */

const policy = (index: number): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: p${index}, namespace: shop }
spec:
  selector:
    matchLabels:
      app: cart
  rules:
    - from:
        - source:
            principals: ["cluster.local/ns/shop/sa/web${index}"]
      to:
        - operation:
            methods: [GET, POST]
            paths: ["/api/v${index}/*"]
`;

/** Processor milliseconds of one run of ours, the collector's included. */
function cost(name: string, runs: number, run: () => unknown): Measurement {
  const spent: number[] = [];
  for (let i = 0; i < runs + 2; i++) {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    if (i >= 2) spent.push(user + system);
  }
  spent.sort((a, b) => a - b);
  const at = (share: number): number => spent[Math.min(spent.length - 1, Math.floor(spent.length * share))] ?? NaN;
  return { name, perSecond: Math.round(1_000_000 / at(0.5)), p50Us: at(0.5), p99Us: at(0.99), samples: spent.length };
}

const measurements = [1000, 10_000].flatMap((count) => {
  const text = Array.from({ length: count }, (_, index) => policy(index)).join('---\n');
  const files = [{ name: 'a.yaml', text }];
  return [
    cost(`read ${count} policies into trees`, 7, () => readYaml(text, 'a.yaml')),
    cost(`validate ${count} policies`, 7, () => loadPolicies(files)),
    cost(`validate and compile ${count} policies`, 7, () => {
      const loaded = loadPolicies(files);
      if (!loaded.ok) throw new Error('the corpus is good');
      return compile(loaded.set, 1);
    }),
  ];
});

publish('documents', measurements, { heapMb: Math.round(process.memoryUsage().heapUsed / 1024 / 1024) });
