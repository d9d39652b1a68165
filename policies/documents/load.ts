import { finish } from '#schema/index.ts';
import type { Limits } from '#schema/index.ts';
import type { CedarEngine } from '../cedar/engine.ts';
import type { Mesh } from './mesh.ts';
import { PolicyLoader } from './policy-loader.ts';
import type { Loaded, SourceText } from './policy-loader.ts';

export interface LoadOptions {
  readonly limits?: Partial<Limits> | undefined;
  /** What reads the policies of CedarPolicy documents; without it such a document is a fault. */
  readonly cedar?: CedarEngine | undefined;
}

/** Validates the documents of all texts together, once and at once. */
export function loadPolicies(
  files: readonly SourceText[],
  mesh: Partial<Mesh> = {},
  { limits = {}, cedar }: LoadOptions = {},
): Loaded {
  return finish(new PolicyLoader(mesh, limits).load(files, cedar));
}
