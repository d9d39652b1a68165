/**
 * By what right a node has its identity: what was found out of it when it was attested. It stands in the record of every
 * certificate that comes of it, renewals included, and so lasts as long as they do.
 */
export function nodeGrant(selectors: readonly string[]): string {
  return `node:${JSON.stringify(selectors)}`;
}

export function nodeSelectorsOf(grant: string): ReadonlySet<string> {
  return new Set(grant.startsWith('node:') ? (JSON.parse(grant.slice('node:'.length)) as string[]) : []);
}

/** Which attestor it was, as the configuration calls it among grants: `node:x509pop`, `node:k8s_psat:CLUSTER`. */
export function nodeAttestorOf(grant: string): string | undefined {
  const selectors = [...nodeSelectorsOf(grant)];
  const cluster = selectors.find((one) => one.startsWith('k8s_psat:cluster:'));
  if (cluster !== undefined) return clusterAttestor(cluster.slice('k8s_psat:cluster:'.length));
  return selectors.some((one) => one.startsWith('x509pop:')) ? machineAttestor : undefined;
}

export const machineAttestor = 'node:x509pop';

export function clusterAttestor(cluster: string): string {
  return `node:k8s_psat:${cluster}`;
}
