import { describePlace, formatPath, isNull, nearest, parse, quoteable } from '#schema/index.ts';
import type { Fault, MapNode, Node, Severity } from '#schema/index.ts';
import type { CedarEngine } from '../cedar/engine.ts';
import { DocumentNames } from './document-names.ts';
import { knownKinds, laterKinds } from './kinds.ts';
import type { KnownKind } from './kinds.ts';
import type { Mesh } from './mesh.ts';
import type { Document } from './model.ts';

type Path = readonly (string | number)[];

/** How far a reader has come. */
export interface ReaderMark {
  readonly documents: number;
  readonly faults: number;
  readonly unsaid: number;
  readonly unsaidSeverity: Severity;
}

export const mostFaults = 1000;

/** Reads the documents of one set: each by the shape of its kind, a Kubernetes List opened, no name given twice. */
export class DocumentReader {
  readonly documents: Document[] = [];
  readonly #faults: Fault[] = [];
  #unsaid = 0;
  #unsaidSeverity: Severity = 'warning';
  readonly #kinds: readonly KnownKind[];
  readonly #names = new DocumentNames();
  /** Where every fault goes too, told or not, while somebody wants them. */
  recorded: Fault[] | undefined = undefined;

  constructor(mesh: Mesh, cedar?: CedarEngine) {
    this.#kinds = knownKinds(mesh, cedar);
  }

  /** What is wrong, up to a number beyond which nobody reads on; the last then says how much more there is. */
  get faults(): readonly Fault[] {
    const last = this.#faults.at(-1);
    if (last === undefined || this.#unsaid === 0) return this.#faults;
    const reason = `${this.#unsaid} more faults are not shown`;
    const severity = this.#unsaidSeverity;
    return [...this.#faults, { severity, place: last.place, field: '', reason, fix: 'mend these first' }];
  }

  get mark(): ReaderMark {
    return {
      documents: this.documents.length,
      faults: this.#faults.length,
      unsaid: this.#unsaid,
      unsaidSeverity: this.#unsaidSeverity,
    };
  }

  /** Forgets what was read since. */
  backTo(mark: ReaderMark): void {
    for (const document of this.documents.splice(mark.documents)) this.#names.delete(document);
    this.#faults.length = mark.faults;
    this.#unsaid = mark.unsaid;
    this.#unsaidSeverity = mark.unsaidSeverity;
  }

  /** Takes a document that another reader of this mesh has read; false where one of its name is here already. */
  adopt(document: Document): boolean {
    if (!this.#names.add(document)) return false;
    this.documents.push(document);
    return true;
  }

  tell(fault: Fault): void {
    if (this.recorded !== undefined && this.recorded.length <= mostFaults) this.recorded.push(fault);
    if (this.#faults.length < mostFaults) {
      this.#faults.push(fault);
      return;
    }
    this.#unsaid += 1;
    if (fault.severity === 'error') this.#unsaidSeverity = 'error';
  }

  /** `path` is where the node stands in what holds it; empty for a document of its own. */
  read(node: Node, path: Path = []): void {
    if (node.kind !== 'map') {
      this.#fault(node, path, 'is not a document', 'a document has `apiVersion`, `kind`, `metadata` and `spec`');
    } else if (textOf(node, 'apiVersion') === 'v1' && textOf(node, 'kind') === 'List') {
      this.#readList(node, path);
    } else if (node.get('suite') !== undefined && node.get('kind') === undefined) {
      this.#fault(node, path, 'is a suite of cases, not a document', 'run it with `garrison policy test`');
    } else {
      const known = this.#kindOf(node, path);
      if (known === undefined) return;
      const document = parse(known.shape, node, (fault) => this.tell(fault), path);
      if (document !== undefined) this.#keep(document, node, path);
    }
  }

  #readList(list: MapNode, path: Path): void {
    for (const { key, keyOffset } of list.entries) {
      if (['apiVersion', 'kind', 'metadata', 'items'].includes(key)) continue;
      const place = list.source.place(keyOffset);
      this.#tell(
        place,
        path,
        `unknown key \`${quoteable(key)}\``,
        'a List has `apiVersion`, `kind`, `metadata` and `items`',
      );
    }
    const items = list.get('items');
    if (items === undefined || isNull(items)) return;
    if (items.kind !== 'list')
      this.#fault(items, [...path, 'items'], 'must be a list', 'write `- ` before each document');
    else for (const [index, item] of items.items.entries()) this.read(item, [...path, 'items', index]);
  }

  #kindOf(node: MapNode, path: Path): KnownKind | undefined {
    const [apiVersion, kind] = [textOf(node, 'apiVersion'), textOf(node, 'kind')];
    for (const [key, value] of Object.entries({ apiVersion, kind })) {
      if (value === undefined || value === '') {
        const at = node.get(key) ?? node;
        this.#fault(at, [...path, key], 'is missing', `a document says its \`${key}\``);
      }
    }
    if (apiVersion === undefined || kind === undefined || apiVersion === '' || kind === '') return undefined;
    const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
    const known = this.#kinds.find((candidate) => candidate.kind === kind);
    if (known?.group === group) return known;
    const [field, reason, fix] = known === undefined ? this.#unknownKind(group, kind) : wrongGroup(known, apiVersion);
    this.#fault(node.get(field) ?? node, [...path, field], reason, fix);
    return undefined;
  }

  #unknownKind(group: string, kind: string): ['kind', string, string] {
    const shown = quoteable(kind);
    if (laterKinds.includes(`${group} ${kind}`)) {
      return ['kind', `\`${shown}\` is not yet known by this version`, 'remove the document until it is'];
    }
    const names = this.#kinds.map((known) => known.kind);
    if (group === 'istio.io' || group.endsWith('.istio.io')) {
      const guess = nearest(kind, names);
      const fix =
        guess === undefined ? 'remove the document: nothing is skipped in silence' : `did you mean \`${guess}\`?`;
      return ['kind', `\`${shown}\` of Istio is not known here`, fix];
    }
    const guess = nearest(kind, names);
    const known = names.map((name) => `\`${name}\``).join(', ');
    return [
      'kind',
      `\`${shown}\` is not a known kind`,
      guess === undefined ? `known here: ${known}` : `did you mean \`${guess}\`?`,
    ];
  }

  #keep(document: Document, node: MapNode, path: Path): void {
    if (this.adopt(document)) return;
    const { namespace, name } = document.metadata;
    const first = this.#names.sameAs(document) ?? document;
    const reason = `${document.kind} \`${namespace}/${name}\` is already given at ${describePlace(first.metadata.place)}`;
    this.#fault(node, [...path, 'metadata', 'name'], reason, 'rename or remove one of them');
  }

  #fault(node: Node, path: Path, reason: string, fix: string): void {
    this.#tell(node.place, path, reason, fix);
  }

  #tell(place: Fault['place'], path: Path, reason: string, fix: string): void {
    this.tell({ severity: 'error', place, field: formatPath(path), reason, fix });
  }
}

function wrongGroup(known: KnownKind, apiVersion: string): ['apiVersion', string, string] {
  const reason = `\`${quoteable(apiVersion)}\` has no kind \`${known.kind}\``;
  return ['apiVersion', reason, `write \`${known.group}/v1\``];
}

function textOf(node: MapNode, key: string): string | undefined {
  const value = node.get(key);
  return value?.kind === 'scalar' && typeof value.value === 'string' ? value.value : undefined;
}
