import { type Shape, check, field, map, object } from '#schema/index.ts';
import { pathIn } from './shapes.ts';

/** How a node proves which one it is when the authority does not know it yet. */
export type JoinConfig = {
  readonly kind: 'token';
  /** The file of a join token. */
  readonly token: string;
};

export function joinShape(folder: string): Shape<JoinConfig> {
  const written = check(
    object({
      token: field(pathIn(folder), { describe: 'the file of a join token; a new one in it makes the node join anew' }),
    }),
    (_value, here) => {
      if (!here.has('token')) here.fault('says no way of joining', 'write `{ token: ./token }`');
    },
  );
  return map(written, ({ token }) => (token === undefined ? undefined : { kind: 'token', token }));
}
