/** Numbers of PKCS#11 2.40 (OASIS), each under its name there without the prefix. */
export const classes = { publicKey: 2, privateKey: 3 } as const;

export const attributes = {
  class: 0x0,
  token: 0x1,
  private: 0x2,
  label: 0x3,
  keyType: 0x100,
  id: 0x102,
  sensitive: 0x103,
  sign: 0x108,
  verify: 0x10a,
  modulus: 0x120,
  extractable: 0x162,
  ecParams: 0x180,
  ecPoint: 0x181,
} as const;

export const keyKinds = { rsa: 0x0, ec: 0x3 } as const;

export const mechanisms = { rsaPkcs: 0x1, ecKeyPairGen: 0x1040, ecdsa: 0x1041 } as const;

export const flags = {
  osLocking: 0x2,
  rwSession: 0x2,
  serialSession: 0x4,
} as const;

/** CKU_USER. */
export const normalUser = 1;

export const results = {
  deviceError: 0x30,
  deviceMemory: 0x31,
  deviceRemoved: 0x32,
  keyHandleInvalid: 0x60,
  objectHandleInvalid: 0x82,
  pinIncorrect: 0xa0,
  pinInvalid: 0xa1,
  pinLenRange: 0xa2,
  pinExpired: 0xa3,
  pinLocked: 0xa4,
  sessionClosed: 0xb0,
  sessionHandleInvalid: 0xb3,
  tokenNotPresent: 0xe0,
  tokenNotRecognized: 0xe1,
  userAlreadyLoggedIn: 0x100,
  userNotLoggedIn: 0x101,
  cryptokiNotInitialized: 0x190,
  cryptokiAlreadyInitialized: 0x191,
  generalError: 0x5,
  functionFailed: 0x6,
} as const;

const names = new Map<number, string>(Object.entries(results).map(([name, code]) => [code, spelled(name)]));

/** `CKR_PIN_INCORRECT`, or the number of a code we have no name for. */
export function resultName(code: number): string {
  return names.get(code) ?? `0x${code.toString(16)}`;
}

function spelled(name: string): string {
  return `CKR_${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`;
}

/** The PIN is not what the token wants: asking again would lock it. */
export const pinRefused: ReadonlySet<number> = new Set([
  results.pinIncorrect,
  results.pinInvalid,
  results.pinLenRange,
  results.pinExpired,
  results.pinLocked,
]);
