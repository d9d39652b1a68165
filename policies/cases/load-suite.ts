import { isNull, parse, readYaml } from '#schema/index.ts';
import type { Fault, MapNode, Node, ReadYaml } from '#schema/index.ts';
import type { CedarEngine } from '../cedar/engine.ts';
import { compile } from '../compile/program.ts';
import type { Program } from '../compile/program.ts';
import { defaultMesh } from '../documents/mesh.ts';
import type { Mesh } from '../documents/mesh.ts';
import { makePolicySet } from '../documents/policy-set.ts';
import { DocumentReader } from '../documents/read-document.ts';
import { suiteShape } from './suite-shape.ts';
import type { SuiteText } from './suite-shape.ts';

/** A suite that can be run: its documents are one compiled set. */
export interface Suite {
  readonly file: string;
  readonly text: SuiteText;
  readonly mesh: Mesh;
  readonly program: Program;
  readonly cedar: CedarEngine | undefined;
}

export interface SuiteSource {
  readonly name: string;
  readonly text: string | Uint8Array;
}

export interface LoadOptions {
  /** Instead of the suite's own. */
  readonly profiles?: Partial<Pick<Mesh, 'profile' | 'namespaceProfiles'>>;
  /** What reads the policies of CedarPolicy documents; without it they are faults. */
  readonly cedar?: CedarEngine | undefined;
  /** Reads a file that the suite names, relative to the suite, or those of a folder; undefined: none can be read. */
  readFile(relative: string): SuiteSource | readonly SuiteSource[] | undefined;
}

/** Whether a text holds a suite: a folder may hold documents and other things beside. */
export function isSuite(node: Node): node is MapNode {
  if (node.kind !== 'map' || node.get('kind') !== undefined) return false;
  return ['suite', 'cases', 'invalid', 'normalization'].some((key) => node.get(key) !== undefined);
}

/** Reads a suite and everything it names. One fault, in it or in a document, and it cannot be run. */
export function loadSuite(
  source: SuiteSource,
  options: LoadOptions,
  { documents, faults }: ReadYaml = readYaml(source.text, source.name),
): Suite | readonly Fault[] {
  if (faults.length > 0) return faults;
  const [node, second] = documents;
  if (node === undefined) return [faultAt(undefined, source.name, 'holds no suite', 'begin it with `suite: NAME`')];
  if (second !== undefined)
    return [faultAt(second, source.name, 'a file is one suite', 'put the rest into another file')];
  return readSuite(node, source.name, options);
}

function readSuite(node: Node, file: string, options: LoadOptions): Suite | readonly Fault[] {
  const faults: Fault[] = [];
  const text = parse(suiteShape, node, (fault) => faults.push(fault));
  if (text === undefined) return faults;
  if (
    text.quotas !== undefined &&
    !isNull(text.quotas) &&
    !(text.quotas.kind === 'list' && text.quotas.items.length === 0)
  ) {
    return [
      faultAt(
        text.quotas,
        file,
        'traces of quotas are not run by this version',
        'keep them in a suite of their own',
        'quotas',
      ),
    ];
  }
  const mesh = meshOf(text, options.profiles);
  const reader = new DocumentReader(mesh, options.cedar);
  readFiles(node, text, reader, options);
  for (const [index, document] of text.documents.entries()) reader.read(document, ['documents', index]);
  if (reader.faults.some((fault) => fault.severity === 'error')) return reader.faults;
  const { cedar } = options;
  return { file, text, mesh, cedar, program: compile(makePolicySet(mesh, reader.documents, cedar), 1) };
}

function meshOf({ mesh, profile }: SuiteText, override: LoadOptions['profiles']): Mesh {
  const namespaceProfiles = override?.namespaceProfiles ?? mesh?.profiles;
  return {
    rootNamespace: mesh?.rootNamespace ?? defaultMesh.rootNamespace,
    trustDomain: mesh?.trustDomain ?? defaultMesh.trustDomain,
    trustDomainAliases: mesh?.trustDomainAliases ?? defaultMesh.trustDomainAliases,
    pathNormalization: mesh?.pathNormalization ?? null,
    trustedHops: mesh?.trustedHops ?? 0,
    profile: override?.profile ?? profile,
    ...(namespaceProfiles === undefined ? {} : { namespaceProfiles }),
  };
}

function readFiles(node: Node, text: SuiteText, reader: DocumentReader, options: LoadOptions): void {
  const names = node.kind === 'map' ? node.get('policies') : undefined;
  for (const [index, name] of text.policies.entries()) {
    const found = options.readFile(name);
    if (found === undefined) {
      const at = names?.kind === 'list' ? names.items[index] : undefined;
      const fix = 'write the path of a file or folder, relative to this one';
      reader.tell(faultAt(at ?? node, '', `\`${name}\` cannot be read`, fix, `policies[${index}]`));
      continue;
    }
    for (const file of 'name' in found ? [found] : found) readFile(file, reader, !('name' in found));
  }
}

/** In a folder there may be suites beside the documents. */
function readFile(file: SuiteSource, reader: DocumentReader, inFolder: boolean): void {
  const { documents, faults } = readYaml(file.text, file.name);
  for (const fault of faults) reader.tell(fault);
  if (faults.length > 0) return;
  for (const document of documents) if (!inFolder || !isSuite(document)) reader.read(document);
}

function faultAt(node: Node | undefined, file: string, reason: string, fix: string, field = ''): Fault {
  return { severity: 'error', place: node?.place ?? { file, line: 1, column: 1 }, field, reason, fix };
}
