import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { type CaKeysConfig, caKeysShape, fileKeys } from '#runtime/config/ca-keys-config.ts';
import { readConfigText } from '#runtime/config/read-config-file.ts';
import { pathIn, trustDomain } from '#runtime/config/shapes.ts';
import { type Shape, check, duration, field, list, map, object, string } from '#schema/index.ts';

/** Everything a ceremony is done with: this one file says it, and nothing else does. */
export interface CeremonyPlan {
  readonly trustDomain: TrustDomain;
  /** The state folder of the authority that will sign under the intermediate. */
  readonly state: string;
  /** Where the report goes; its signature lies beside it. */
  readonly report: string;
  readonly witnesses: readonly string[];
  readonly root: RootPlan;
  readonly issuing: IssuingPlan;
}

export interface RootPlan {
  readonly lifeSeconds: number;
  readonly keys: CaKeysConfig;
  /** Where the root's certificate goes and, for `kind: file`, its key: to be taken away afterwards. */
  readonly folder: string;
  readonly passphraseFile: string | undefined;
}

export interface IssuingPlan {
  readonly lifeSeconds: number;
  readonly keys: CaKeysConfig;
  readonly passphraseFile: string | undefined;
}

export interface ReadPlan {
  readonly plan: CeremonyPlan;
  /** As it was named. */
  readonly file: string;
  /** SHA-256 of the file, hexadecimal. */
  readonly sha256: string;
}

const hour = 3_600_000;
const year = 8760 * hour;

export function ceremonyShape(folder: string): Shape<CeremonyPlan> {
  const life = (longest: number): Shape<number> => duration({ minMs: hour, maxMs: longest });
  const root = check(
    object({
      life: field(life(10 * year), { default: 10 * year, describe: 'how long the root is good; `87600h`' }),
      keys: field(caKeysShape(folder), { default: fileKeys, describe: 'where its key is made: a file, or a token' }),
      folder: field(pathIn(folder), {
        required: true,
        describe: 'where its certificate goes, and its key where that is a file',
      }),
      passphraseFile: field(pathIn(folder), { describe: 'a file with the passphrase that its key is encrypted with' }),
    }),
    ({ keys, passphraseFile }, here) => {
      if (keys.kind === 'file' && passphraseFile === undefined) {
        here.fault('the key of a root is never written in the clear', 'add `passphraseFile`, or make it in a token');
      }
    },
  );
  const issuing = object({
    life: field(life(10 * year), { default: year, describe: 'how long the intermediate is good; `8760h`' }),
    keys: field(caKeysShape(folder), { default: fileKeys, describe: 'where its key is made; as `ca.keys` will say' }),
    passphraseFile: field(pathIn(folder), { describe: 'as `passphraseFile` of the configuration will say' }),
  });
  const written = object({
    trustDomain: field(trustDomain, { required: true, describe: 'the trust domain that the root is for' }),
    state: field(pathIn(folder), { required: true, describe: 'the state folder of the authority; it must hold none' }),
    report: field(pathIn(folder), { required: true, describe: 'where the signed report goes' }),
    witnesses: field(list(string({ minLength: 1, maxLength: 200 })), {
      default: [],
      describe: 'who is there, for the report',
    }),
    root: field(root, { required: true, describe: 'the root' }),
    issuing: field(issuing, { default: undefined, describe: 'the intermediate below it, which signs for workloads' }),
  });
  return map(written, ({ root: { life: rootLife, ...rest }, issuing: given, ...plan }) => {
    const { life: issuingLife, ...more } = given ?? { life: year, keys: fileKeys, passphraseFile: undefined };
    return {
      ...plan,
      root: { ...rest, passphraseFile: rest.passphraseFile, lifeSeconds: Math.floor(rootLife / 1000) },
      issuing: { ...more, passphraseFile: more.passphraseFile, lifeSeconds: Math.floor(issuingLife / 1000) },
    };
  });
}

export function readCeremonyPlan(file: string): ReadPlan {
  let text: Buffer;
  try {
    text = readFileSync(file);
  } catch (cause) {
    throw new GarrisonError('NOT_FOUND', `\`${file}\` cannot be read`, {
      place: '--from',
      remedy: 'name the file that describes the ceremony',
      cause,
    });
  }
  const plan = readConfigText(ceremonyShape(path.dirname(file)), text, file);
  return { plan, file, sha256: createHash('sha256').update(text).digest('hex') };
}
