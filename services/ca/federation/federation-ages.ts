import type { Clock } from '#runtime/clock.ts';
import type { Federation } from './federation.ts';

const name = 'garrison_ca_federation_age_seconds';

/** How old the word of each federated trust domain is: what to be alarmed by, long before its keys are others. */
export function* federationAges(federation: Federation, clock: Clock): Generator<string> {
  const now = clock.now().getTime();
  const known = federation.all().flatMap(({ config, current, answered }) => {
    const at = answered ?? current?.at;
    return at === undefined
      ? []
      : [[config.trustDomain, Math.max(0, Math.round((now - at.getTime()) / 1000))] as const];
  });
  if (known.length === 0) return;
  yield `# HELP ${name} Seconds since a bundle of the trust domain was last confirmed\n# TYPE ${name} gauge\n`;
  for (const [trustDomain, seconds] of known) yield `${name}{trust_domain="${trustDomain}"} ${seconds}\n`;
}
