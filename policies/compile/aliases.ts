import { matchesPattern, readPattern } from './pattern.ts';

/** The pointer to the mesh's own trust domain that policies may write, whatever the mesh is called. */
const localPointer = 'cluster.local';

/** Trust-domain migration: what a policy says of one name of the mesh holds for all of them. The first is the local one. */
export class TrustDomains {
  readonly #names: readonly string[];

  constructor(local: string, aliases: readonly string[]) {
    this.#names = [...new Set([local, ...aliases])];
  }

  /** Only a principal of exactly five parts is known to begin with a trust domain. */
  expandPrincipals(values: readonly string[]): string[] {
    return values.flatMap((value) => {
      const parts = value.split('/');
      return parts.length === 5 ? this.#expand(parts[0] ?? '', parts.slice(1).join('/')) : [value];
    });
  }

  expandTrustDomains(values: readonly string[]): string[] {
    return values.flatMap((value) =>
      this.#names.includes(value) || value === localPointer ? [...this.#names] : [value],
    );
  }

  #expand(written: string, rest: string): string[] {
    const original = `${written}/${rest}`;
    if (written !== localPointer && !this.#names.some((name) => overlaps(name, written))) return [original];
    // `*-td` stays as it is for the names it covers already.
    const expanded = this.#names.map((name) => (coversAsSuffix(written, name) ? original : `${name}/${rest}`));
    return [...new Set(expanded)];
  }
}

function overlaps(name: string, written: string): boolean {
  return name === written || (written.includes('*') && matchesPattern(readPattern(written), name));
}

function coversAsSuffix(written: string, name: string): boolean {
  return written.startsWith('*') && name.endsWith(written.slice(1));
}
