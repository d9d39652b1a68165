import { GarrisonError } from '#proto/errors/index.ts';
import { vocabulary } from '#proto/attributes/index.ts';
import type { MapBag } from '#proto/attributes/index.ts';
import { describeFault, describePlace, isNull, readYaml } from '#schema/index.ts';
import type { Node, ScalarNode } from '#schema/index.ts';
import { parseAttributes } from '../attribute-flags.ts';

/** The bag that a file of `attribute: value` stands for. Types are those of the vocabulary, as in `--attribute`. */
export function readAttributes(text: string | Uint8Array, file: string): MapBag {
  const { documents, faults } = readYaml(text, file);
  const [fault] = faults;
  if (fault !== undefined) throw unreadable(describeFault(fault));
  const [node, second] = documents;
  if (node?.kind !== 'map' || second !== undefined) throw unreadable(`${file}: is not one map of attributes`);
  return parseAttributes(node.entries.flatMap(({ key, value }) => flagsOf(key, value)));
}

/** As `--attribute` would be written: there one reader of values serves both. */
function flagsOf(name: string, node: Node): string[] {
  if (isNull(node)) return [];
  if (node.kind === 'scalar') return [`${name}${typeSuffix(name, node)}=${node.text}`];
  if (node.kind === 'list') throw unreadable(`${describePlace(node.place)}: ${name}: no attribute is a list`);
  return node.entries.flatMap(({ key, value }) => {
    if (value.kind !== 'scalar') throw unreadable(`${describePlace(value.place)}: ${name}[${key}]: must be a string`);
    return isNull(value) ? [] : [`${name}[${key}]=${value.text}`];
  });
}

/** An attribute that the vocabulary does not know has the type that its value shows. */
function typeSuffix(name: string, node: ScalarNode): string {
  if (vocabulary.has(name)) return '';
  const { value } = node;
  if (typeof value === 'boolean') return ':bool';
  return typeof value === 'bigint' || Number.isInteger(value) ? ':int64' : '';
}

function unreadable(message: string): GarrisonError {
  return new GarrisonError('INVALID_ARGUMENT', message, {
    remedy: 'write one map, such as `destination.namespace: shop` and `request.headers: { x-role: user }`',
  });
}
