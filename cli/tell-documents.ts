import type { Config } from '#runtime/config/config.ts';
import { displayName } from '#runtime/read-files.ts';
import type { Authz } from '#services/authz/compose.ts';
import type { Output } from './output.ts';

/** One line at the start for who would otherwise wait, or take a mesh that lets everything through for one that does not. */
export function tellOfDocuments(output: Output, { policies }: Config, { revisions }: Authz): void {
  const places = policies.map((file) => `\`${displayName(file)}\``).join(', ');
  if (revisions.current === undefined) {
    output.note(
      `garrison: waits for documents that can be in force, and until then every check is refused: correct ${places}; ` +
        '`garrison policy validate` tells every fault',
    );
  } else if (revisions.current.files.length === 0) {
    output.note(
      `garrison: there are no documents in ${places}, so that every request is allowed: write policies there, which are ` +
        'taken up at once (examples/bookinfo/policies, policies/library)',
    );
  }
}
