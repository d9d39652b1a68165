import { DerReader } from '../der/read.ts';
import { contextTag, primitiveContextTag, tags } from '../der/tags.ts';
import { dnsTag, uriTag, type GeneralName } from './read-certificate.ts';

/** Names that an authority vouches for and nobody else's (RFC 5280 §4.2.1.10). */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

export const directoryTag = contextTag(4);

export function readNameConstraints(value: Uint8Array): NameConstraints {
  const outer = new DerReader(value, 'nameConstraints');
  const constraints = outer.enter(tags.sequence, 'nameConstraints');
  outer.end();
  const permitted = readSubtrees(constraints, contextTag(0), 'permittedSubtrees');
  const excluded = readSubtrees(constraints, contextTag(1), 'excludedSubtrees');
  constraints.end();
  return { permitted, excluded };
}

function readSubtrees(constraints: DerReader, tag: number, name: string): GeneralName[] {
  const found: GeneralName[] = [];
  if (constraints.peek() !== tag) return found;
  const subtrees = constraints.enter(tag, name);
  while (!subtrees.done) {
    const subtree = subtrees.enter(tags.sequence, 'generalSubtree');
    const base = subtree.next();
    // "minimum MUST be zero, and maximum MUST be absent": DER leaves out what is the default, so nothing follows.
    if (subtree.peek() === primitiveContextTag(0)) throw subtree.fault('has a minimum');
    subtree.end();
    found.push({ tag: base.tag, text: Buffer.from(base.content).toString('latin1') });
  }
  return found;
}

/** What of these constraints stands against a URI of this host, or against a DNS name; undefined: nothing. */
export function whatForbids(
  { permitted, excluded }: NameConstraints,
  kind: 'URI' | 'DNS',
  name: string,
): string | undefined {
  const tag = kind === 'URI' ? uriTag : dnsTag;
  const within = kind === 'URI' ? withinHost : withinDomain;
  const of = (names: readonly GeneralName[]): string[] =>
    names.filter((one) => one.tag === tag).map(({ text }) => text);
  const forbidden = of(excluded).find((base) => within(name, base));
  if (forbidden !== undefined) return `excluded;${kind}:${forbidden}`;
  const allowed = of(permitted);
  if (allowed.length === 0 || allowed.some((base) => within(name, base))) return undefined;
  return allowed.map((base) => `permitted;${kind}:${base}`).join(',');
}

/** Of a URI the host counts: itself, or with a dot in front whatever stands below it. */
function withinHost(host: string, base: string): boolean {
  const [one, other] = [host.toLowerCase(), base.toLowerCase()];
  return other.startsWith('.') ? one.endsWith(other) && one.length > other.length : one === other;
}

/** Itself and whatever stands below it. */
function withinDomain(name: string, base: string): boolean {
  const [one, other] = [name.toLowerCase(), base.toLowerCase().replace(/^\./, '')];
  return other === '' || one === other || one.endsWith(`.${other}`);
}
