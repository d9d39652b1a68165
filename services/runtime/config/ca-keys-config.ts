import { type Shape, field, integer, map, object, oneOf, string } from '#schema/index.ts';
import { pathIn } from './shapes.ts';

/** Where the private keys of the certificate authority are. */
export type CaKeysConfig = { readonly kind: 'file' } | Pkcs11Config;

export interface Pkcs11Config {
  readonly kind: 'pkcs11';
  readonly module: string;
  readonly token: { readonly label: string } | { readonly slot: number };
  readonly pin: { readonly file: string } | { readonly variable: string };
}

export const fileKeys: CaKeysConfig = { kind: 'file' };

export function caKeysShape(folder: string): Shape<CaKeysConfig> {
  const written = object({
    kind: field(oneOf(['file', 'pkcs11']), {
      required: true,
      describe: 'file: encrypted files in `state`; pkcs11: a token that never lets keys out',
    }),
    module: field(pathIn(folder), { describe: 'the PKCS#11 library that came with the token' }),
    token: field(string({ minLength: 1, maxLength: 32 }), { describe: 'the label of the token' }),
    slot: field(integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), { describe: 'or: the number of the slot it is in' }),
    pin: field(pathIn(folder), { describe: 'a file with the PIN in its first line' }),
    pinVariable: field(string({ minLength: 1 }), { describe: 'or: the environment variable that holds the PIN' }),
  });
  return map(written, ({ kind, module, token, slot, pin, pinVariable }, here): CaKeysConfig | undefined => {
    if (kind === 'file') {
      for (const key of ['module', 'token', 'slot', 'pin', 'pinVariable'] as const) {
        if (here.has(key)) here.fault('keys in files have none', 'remove it, or set `kind: pkcs11`', key);
      }
      return fileKeys;
    }
    if (!here.has('module')) here.fault('no library is named', 'add `module`');
    if (here.has('token') === here.has('slot')) {
      here.fault('the token is named by its label or by its slot', 'give one of `token` and `slot`');
    }
    if (here.has('pin') === here.has('pinVariable')) {
      here.fault('the PIN comes from a file or from the environment', 'give one of `pin` and `pinVariable`');
    }
    if (module === undefined) return undefined;
    return {
      kind,
      module,
      token: token === undefined ? { slot: slot ?? 0 } : { label: token },
      pin: pin === undefined ? { variable: pinVariable ?? '' } : { file: pin },
    };
  });
}
