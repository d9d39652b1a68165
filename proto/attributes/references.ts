import { GarrisonError } from '#proto/errors/index.ts';
import { ReferencedAttributes_Condition as Condition } from '#proto/gen/istio/mixer/v1/mixer.ts';
import type { ReferencedAttributes } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { globalWords } from './dictionary.ts';
import { WordList } from './words.ts';

/**
 * One thing that an answer depends on. Without a key: the attribute as a whole. With one: that entry of a string map.
 * `absence` without a key says that the whole attribute is absent, which no request that carries it agrees with.
 */
export interface Reference {
  readonly name: string;
  readonly key: string | undefined;
  readonly condition: 'exact' | 'absence';
}

/**
 * In the first Mixer an unset key and global word 0 (`source.ip`) were one number. Here presence is explicit on the wire,
 * so a map with a key of that name and a whole map are two things.
 */
export function encodeReferences(references: readonly Reference[], globalWordCount?: number): ReferencedAttributes {
  const list = new WordList(globalWordCount);
  const attributeMatches = references.map(({ name, key, condition }) => ({
    name: list.index(name),
    condition: condition === 'exact' ? Condition.EXACT : Condition.ABSENCE,
    regex: '',
    mapKey: key === undefined ? undefined : list.index(key),
  }));
  return { words: list.words, attributeMatches };
}

/** INVALID_ARGUMENT for an index without a word and for a condition that a cache cannot compare (unset, REGEX, unknown). */
export function decodeReferences(message: ReferencedAttributes, place = 'ReferencedAttributes'): Reference[] {
  const word = (index: number, at: string): string => {
    const found = index >= 0 ? globalWords[index] : message.words[-index - 1];
    if (found !== undefined) return found;
    throw new GarrisonError('INVALID_ARGUMENT', `there is no word \`${index}\``, { place: at });
  };
  return message.attributeMatches.map((match, i) => {
    const at = `${place}.attribute_matches[${i}]`;
    if (match.condition !== Condition.EXACT && match.condition !== Condition.ABSENCE) {
      throw new GarrisonError('INVALID_ARGUMENT', `condition \`${match.condition}\` cannot be compared`, {
        place: `${at}.condition`,
      });
    }
    return {
      name: word(match.name, `${at}.name`),
      key: match.mapKey === undefined ? undefined : word(match.mapKey, `${at}.map_key`),
      condition: match.condition === Condition.EXACT ? 'exact' : 'absence',
    };
  });
}
