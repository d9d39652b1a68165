import { readFileSync } from 'node:fs';
import path from 'node:path';
import { GarrisonError } from '#proto/errors/index.ts';
import { cedarFor } from '#policies/cedar/index.ts';
import type { CedarEngine } from '#policies/cedar/index.ts';
import { isSuite, loadSuite } from '#policies/cases/index.ts';
import type { Suite, SuiteSource } from '#policies/cases/index.ts';
import type { Profile } from '#policies/documents/index.ts';
import { displayName } from '#runtime/read-files.ts';
import { readYaml } from '#schema/index.ts';
import type { Fault } from '#schema/index.ts';
import { readSources } from '../read-sources.ts';

export interface FoundSuites {
  readonly suites: readonly Suite[];
  /** Files that cannot be run, with what is wrong in each. */
  readonly unreadable: readonly { readonly file: string; readonly faults: readonly Fault[] }[];
  /** Files that suites name. */
  readonly named: readonly string[];
}

/** The suites below the paths. In a folder, files of another kind are passed over; a file named outright must be a suite. */
export async function findSuites(
  paths: readonly string[],
  cwd: string,
  profile: Profile | undefined,
): Promise<FoundSuites> {
  const sources = readSources(paths, cwd);
  const beside = new Map<string, SuiteSource>();
  const found = openSuites(paths, sources, cwd, profile, beside, undefined);
  // Which files the suites name is known only now; most need no Cedar.
  const cedar = await cedarFor([...sources, ...beside.values()]);
  return cedar === undefined ? found : openSuites(paths, sources, cwd, profile, beside, cedar);
}

function openSuites(
  paths: readonly string[],
  sources: readonly SuiteSource[],
  cwd: string,
  profile: Profile | undefined,
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
    const readFile = (relative: string): SuiteSource | undefined => {
      const source = readBeside(file.name, relative, named);
      if (source !== undefined) beside.set(source.name, source);
      return source;
    };
    const loaded = loadSuite(file, { profile, cedar, readFile }, read);
    if ('program' in loaded) suites.push(loaded);
    else unreadable.push({ file: file.name, faults: loaded });
  }
  if (suites.length + unreadable.length === 0) {
    throw new GarrisonError('NOT_FOUND', 'no suite of cases is there', {
      place: paths.join(' '),
      remedy: 'a suite is a YAML file that begins with `suite: NAME`',
    });
  }
  return { suites, unreadable, named: [...named] };
}

function readBeside(suite: string, relative: string, named: Set<string>): SuiteSource | undefined {
  const file = path.resolve(path.dirname(path.resolve(suite)), relative);
  named.add(file);
  try {
    return { name: displayName(file), text: readFileSync(file) };
  } catch {
    return undefined;
  }
}
