import koffi from 'koffi';
import { GarrisonError } from '#proto/errors/index.ts';
import { flags, resultName, results } from './codes.ts';
import type { EncodedTemplate } from './template.ts';

const kinds = { p: 'void *', n: 'unsigned long', b: 'unsigned char' } as const;

/** The functions that are used, by their place in CK_FUNCTION_LIST, and how many arguments of which kind they take. */
const functions = {
  initialize: [0, ['p']],
  finalize: [1, ['p']],
  getSlotList: [4, ['b', 'p', 'p']],
  getTokenInfo: [6, ['n', 'p']],
  openSession: [12, ['n', 'n', 'p', 'p', 'p']],
  closeSession: [13, ['n']],
  login: [18, ['n', 'n', 'p', 'n']],
  destroyObject: [22, ['n', 'n']],
  getAttributeValue: [24, ['n', 'n', 'p', 'n']],
  findObjectsInit: [26, ['n', 'p', 'n']],
  findObjects: [27, ['n', 'p', 'n', 'p']],
  findObjectsFinal: [28, ['n']],
  signInit: [42, ['n', 'p', 'n']],
  sign: [43, ['n', 'p', 'n', 'p', 'p']],
  generateKeyPair: [59, ['n', 'p', 'p', 'n', 'p', 'n', 'p', 'p']],
} as const satisfies Record<string, readonly [number, readonly (keyof typeof kinds)[]]>;

export type FunctionName = keyof typeof functions;
export type Argument = number | bigint | Buffer | EncodedTemplate | null;

const listed = 68;

/** A loaded PKCS#11 library. Every call runs on another thread: a token across a network may take its time. */
export interface Module {
  /** Rejects with CryptokiError where the library does not say CKR_OK. */
  call(name: FunctionName, ...values: readonly Argument[]): Promise<void>;
  /** Everything anew, for libraries that do not find a token again by themselves. All sessions of the process end. */
  restart?(): Promise<void>;
}

export class CryptokiError extends Error {
  readonly code: number;

  constructor(name: FunctionName, code: number) {
    super(`${name}: ${resultName(code)}`);
    this.name = 'CryptokiError';
    this.code = code;
  }
}

type Plain = number | bigint | Buffer | null;

interface Foreign {
  async(...values: [...Plain[], (error: Error | null, result: number | bigint) => void]): void;
}

const loaded = new Map<string, Promise<Module>>();

/** Once in a process: a library is initialised for the process, and two authorities of one process share it. */
export function loadModule(file: string): Promise<Module> {
  const known = loaded.get(file);
  if (known !== undefined) return known;
  const loading = open(file);
  loaded.set(file, loading);
  loading.catch(() => loaded.delete(file));
  return loading;
}

async function open(file: string): Promise<Module> {
  if (process.platform === 'win32') {
    throw new GarrisonError('UNIMPLEMENTED', 'PKCS#11 libraries are not loaded on Windows', { place: 'ca.keys' });
  }
  const module = new ForeignModule(functionsOf(file));
  try {
    await module.initialize();
  } catch (error) {
    throw unusable(file, 'it cannot be initialised', error);
  }
  return module;
}

class ForeignModule implements Module {
  readonly #functions: ReadonlyMap<FunctionName, Foreign>;
  /** What another thread reads and writes now must not be collected. */
  readonly #inUse = new Set<readonly Argument[]>();

  constructor(found: ReadonlyMap<FunctionName, Foreign>) {
    this.#functions = found;
  }

  async initialize(): Promise<void> {
    const options = Buffer.alloc(48); // CK_C_INITIALIZE_ARGS: the library may lock as the system does
    options.writeBigUInt64LE(BigInt(flags.osLocking), 32);
    try {
      await this.call('initialize', options);
    } catch (error) {
      if (!(error instanceof CryptokiError) || error.code !== results.cryptokiAlreadyInitialized) throw error;
    }
  }

  async restart(): Promise<void> {
    await this.call('finalize', null);
    await this.initialize();
  }

  call(name: FunctionName, ...values: readonly Argument[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#inUse.add(values);
      const plain = values.map((value) =>
        typeof value === 'object' && value !== null && 'bytes' in value ? value.bytes : value,
      );
      this.#functions.get(name)?.async(...plain, (error, result) => {
        this.#inUse.delete(values);
        if (error !== null) reject(error);
        else if (Number(result) !== 0) reject(new CryptokiError(name, Number(result)));
        else resolve();
      });
    });
  }
}

/**
 * The library's own libcrypto before the one that Node carries and exports: two versions of OpenSSL that hand each other their
 * structures end in a crash (RTLD_DEEPBIND).
 */
const loading = { deep: process.platform === 'linux' };

/** Functions found by their pointers do not keep their library loaded. */
const held: unknown[] = [];

type GetFunctionList = (list: Buffer) => number;

function functionsOf(file: string): ReadonlyMap<FunctionName, Foreign> {
  const out = Buffer.alloc(8);
  try {
    const library = koffi.load(file, loading);
    held.push(library);
    const getFunctionList = library.func('unsigned long C_GetFunctionList(void *list)') as GetFunctionList;
    const code = getFunctionList(out);
    if (code !== 0) throw new Error(resultName(code));
  } catch (cause) {
    throw unusable(file, 'it cannot be loaded', cause);
  }
  // CK_FUNCTION_LIST: a version, padded to the size of a pointer, then pointers.
  const list = koffi.decode(koffi.decode(out, 'void *'), koffi.array('void *', 1 + listed)) as unknown[];
  return new Map(
    Object.entries(functions).map(([name, [index, shape]]) => {
      const prototype = koffi.proto(
        'unsigned long',
        shape.map((kind) => kinds[kind]),
      );
      return [name as FunctionName, koffi.decode(list[1 + index], prototype) as Foreign];
    }),
  );
}

function unusable(file: string, why: string, cause: unknown): GarrisonError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new GarrisonError('FAILED_PRECONDITION', `the PKCS#11 module \`${file}\` is of no use, ${why} (${reason})`, {
    place: 'ca.keys.module',
    remedy: 'name the library that came with the token, for this machine’s architecture',
    cause,
  });
}
