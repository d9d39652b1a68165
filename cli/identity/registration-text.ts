export interface RegistrationWords {
  readonly name: string;
  readonly namespace: string;
  readonly spiffeId: string;
  readonly selectors: readonly string[];
  readonly dnsNames: readonly string[];
  readonly x509Ttl: string | undefined;
  readonly jwtTtl: string | undefined;
  readonly hint: string | undefined;
  readonly federatesWith: readonly string[];
  readonly downstream: boolean;
  readonly nodeIdentities: readonly string[];
}

/** A Registration document in YAML. Every value is quoted as JSON quotes it, so that none can be taken for something else. */
export function registrationText({
  name,
  namespace,
  selectors,
  downstream,
  nodeIdentities,
  ...words
}: RegistrationWords): string {
  const lines = [
    'apiVersion: garrison.dev/v1',
    'kind: Registration',
    'metadata:',
    `  name: ${JSON.stringify(name)}`,
    `  namespace: ${JSON.stringify(namespace)}`,
    'spec:',
    `  spiffeId: ${JSON.stringify(words.spiffeId)}`,
    ...listOf('selectors', selectors, true),
    ...listOf('dnsNames', words.dnsNames),
    ...(['x509Ttl', 'jwtTtl', 'hint'] as const).flatMap((key) => {
      const value = words[key];
      return value === undefined ? [] : [`  ${key}: ${JSON.stringify(value)}`];
    }),
    ...listOf('federatesWith', words.federatesWith),
    ...(nodeIdentities.length === 0
      ? []
      : ['  node:', ...listOf('identities', nodeIdentities).map((line) => `  ${line}`)]),
    ...(downstream ? ['  downstream: true'] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function listOf(key: string, values: readonly string[], always = false): string[] {
  if (values.length === 0) return always ? [`  ${key}: []`] : [];
  return [`  ${key}:`, ...values.map((value) => `    - ${JSON.stringify(value)}`)];
}
