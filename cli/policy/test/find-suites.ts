import path from 'node:path';
import { GarrisonError } from '#proto/errors/index.ts';
import { cedarFor } from '#policies/cedar/index.ts';
import type { CedarEngine } from '#policies/cedar/index.ts';
import { isSuite, loadSuite } from '#policies/cases/index.ts';
import type { Suite, SuiteSource } from '#policies/cases/index.ts';
import { displayName, readFiles } from '#runtime/read-files.ts';
import { readYaml } from '#schema/index.ts';
import type { Fault } from '#schema/index.ts';
import type { ChosenProfiles } from '../profile-flag.ts';
import { readSources } from '../read-sources.ts';

export interface FoundSuites {
  readonly suites: readonly Suite[];
  /** Files that cannot be run, with what is wrong in each. */
  readonly unreadable: readonly { readonly file: string; readonly faults: readonly Fault[] }[];
  /** Files and folders that suites name. */
  readonly named: readonly string[];
  /** Everything that was read, by name. */
  readonly read: ReadonlyMap<string, string | Uint8Array>;
}

/** The suites below the paths. In a folder, files of another kind are passed over; a file named outright must be a suite. */
export async function findSuites(
  paths: readonly string[],
  cwd: string,
  profiles: ChosenProfiles,
): Promise<FoundSuites> {
  const sources = readSources(paths, cwd);
  const beside = new Map<string, SuiteSource>();
  const found = openSuites(paths, sources, cwd, profiles, beside, undefined);
  // Which files the suites name is known only now; most need no Cedar.
  const cedar = await cedarFor([...sources, ...beside.values()]);
  return cedar === undefined ? found : openSuites(paths, sources, cwd, profiles, beside, cedar);
}

function openSuites(
  paths: readonly string[],
  sources: readonly SuiteSource[],
  cwd: string,
  profiles: ChosenProfiles,
  beside: Map<string, SuiteSource>,
  cedar: CedarEngine | undefined,
): FoundSuites {
  const given = new Set(paths.map((each) => displayName(path.resolve(cwd, each))));
  const suites: Suite[] = [];
  const unreadable: { file: string; faults: readonly Fault[] }[] = [];
  const named = new Set<string>();
  for (const file of sources) {
    const read = readYaml(file.text, file.name);
    // What cannot be read at all might have been a suite.
    if (!given.has(file.name) && read.faults.length === 0 && !read.documents.some(isSuite)) continue;
    const readFile = (relative: string): SuiteSource | readonly SuiteSource[] | undefined => {
      const found = readBeside(file.name, relative, named);
      for (const source of found === undefined || 'name' in found ? [found] : found) {
        if (source !== undefined) beside.set(source.name, source);
      }
      return found;
    };
    const loaded = loadSuite(file, { profiles, cedar, readFile }, read);
    if ('program' in loaded) suites.push(loaded);
    else unreadable.push({ file: file.name, faults: loaded });
  }
  if (suites.length + unreadable.length === 0) {
    throw new GarrisonError('NOT_FOUND', 'no suite of cases is there', {
      place: paths.join(' '),
      remedy: 'a suite is a YAML file that begins with `suite: NAME`',
    });
  }
  const read = new Map([...sources, ...beside.values()].map(({ name, text }) => [name, text]));
  return { suites, unreadable, named: [...named], read };
}

/** A file, or the documents of a folder. */
function readBeside(
  suite: string,
  relative: string,
  named: Set<string>,
): SuiteSource | readonly SuiteSource[] | undefined {
  const file = path.resolve(path.dirname(path.resolve(suite)), relative);
  named.add(file);
  const { files, faults, folders } = readFiles([file]);
  if (faults.length > 0) return undefined;
  return folders.length > 0 ? files : files[0];
}
