import type { Fault, Node } from '#schema/index.ts';
import type { CedarEngine } from '../cedar/engine.ts';
import type { Mesh } from '../documents/mesh.ts';
import { DocumentReader } from '../documents/read-document.ts';
import type { Difference } from './compare.ts';
import type { InvalidText } from './suite-shape.ts';

export interface CheckedDocument {
  readonly ok: boolean;
  readonly expected: unknown;
  readonly actual: unknown;
  readonly differences: readonly Difference[];
}

/** Whether a document is refused, or not, as its case expects. */
export function checkInvalid(
  { document, expect }: InvalidText['value'],
  mesh: Mesh,
  cedar: CedarEngine | undefined,
): CheckedDocument {
  const reader = new DocumentReader(mesh, cedar);
  reader.read(document);
  const errors = reader.faults.filter((fault) => fault.severity === 'error');
  const warnings = reader.faults.length - errors.length;
  const valid = errors.length === 0;
  const actual = {
    valid,
    warnings,
    faults: reader.faults.map(({ severity, field, reason }) => ({ severity, field, reason })),
  };
  const differences: Difference[] = [];
  if (valid !== expect.valid) differences.push({ what: 'valid', expected: expect.valid, actual: valid });
  if (expect.warnings !== undefined && warnings !== expect.warnings) {
    differences.push({ what: 'warnings', expected: expect.warnings, actual: warnings });
  }
  const { field } = expect;
  const fields = (valid ? reader.faults : errors).map((fault) => fault.field);
  if (field !== undefined && !reader.faults.some((fault) => isAbout(fault, field, document))) {
    differences.push({ what: 'field', expected: field, actual: fields });
  }
  return { ok: differences.length === 0, expected: expect, actual, differences };
}

/** A fault is about a field when it stands there or below; and about a field that is not there when it stands at what lacks it. */
function isAbout(fault: Fault, field: string, document: Node): boolean {
  const [found, wanted] = [normalize(fault.field), normalize(field)];
  if (found === wanted || found.startsWith(`${wanted}.`)) return true;
  const parent = wanted.slice(0, Math.max(wanted.lastIndexOf('.'), 0));
  return found === parent && !exists(document, wanted.split('.'));
}

/** `spec.rules[0].when["a"]` and `spec.rules.0.when.a` are one path. */
function normalize(path: string): string {
  return path.replace(/\["([^"]*)"\]/g, '.$1').replace(/\[([^\]]*)\]/g, '.$1');
}

function exists(document: Node, path: readonly string[]): boolean {
  let node: Node | undefined = document;
  for (const step of path) {
    if (node.kind === 'map') node = node.get(step);
    else if (node.kind === 'list') node = node.items[Number(step)];
    else return false;
    if (node === undefined) return false;
  }
  return true;
}
