/** A Registration by which a process is the agent of a node, and may ask for these identities. */
export function nodeRegistration(name: string, identities: readonly string[], more = ''): string {
  return `apiVersion: garrison.dev/v1
kind: Registration
metadata: { name: ${name}, namespace: nodes }
spec:
  spiffeId: spiffe://example.org/nodes/${name}
  selectors: [ "token:${name}" ]
  node: { identities: ${JSON.stringify(identities)} }
${more}`;
}
