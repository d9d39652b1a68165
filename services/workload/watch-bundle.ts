import type { TrustBundle, WatchBundleRequest } from '#proto/gen/garrison/v1/identity.ts';
import type { ServerStreamHandler } from '#runtime/grpc/method.ts';
import type { Changes } from './changes.ts';

/** garrison.v1.Trust/WatchBundle: the bundle now and after every change. Roots are no secret: anybody may ask. */
export function watchBundle(
  changes: Changes,
  bundle: () => TrustBundle,
): ServerStreamHandler<WatchBundleRequest, TrustBundle> {
  return async function* (_, { signal }) {
    let sent: string | undefined;
    while (!signal.aborted) {
      const seen = changes.version;
      const next = bundle();
      const refused = next.refused.map((der) => der.toString('base64'));
      const print = [next.sequence, ...next.revoked, ...refused].join(' ');
      if (print !== sent) {
        sent = print;
        yield next;
      }
      await changes.after(seen, signal);
    }
  };
}
