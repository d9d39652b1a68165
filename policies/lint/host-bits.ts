import { blockText } from '../cedar/address-text.ts';
import { mask, readBlock } from '../compile/address.ts';
import { ruleFieldsOf } from '../explain/rule-fields.ts';
import { eachRule, observeRule } from './finding.ts';
import type { LintRule, Observation } from './finding.ts';

export const hostBits: LintRule = {
  id: 'GL032',
  name: 'host-bits',
  severity: 'warning',
  summary: 'A block whose address has bits beyond its length is wider than it looks: `10.0.0.1/8` is `10.0.0.0/8`.',
  *check(set): Generator<Observation> {
    for (const { policy, rule, index } of eachRule(set)) {
      for (const { key, path, notPath, values, notValues } of ruleFieldsOf(rule)) {
        if (!key.endsWith('.ip')) continue;
        for (const [at, list] of [
          [path, values],
          [notPath, notValues],
        ] as const) {
          for (const value of list.filter(hasHostBits)) {
            const block = blockText(readBlock(value, false));
            yield observeRule(policy, index, at, {
              reason: `\`${value}\` is the block \`${block}\`, not one address`,
              fix: `write \`${block}\`, or the address alone`,
            });
          }
        }
      }
    }
  },
};

function hasHostBits(value: string): boolean {
  if (!value.includes('/')) return false;
  const { words } = readBlock(value.slice(0, value.indexOf('/')), false);
  return mask(words, readBlock(value, false).bits).join() !== words.join();
}
