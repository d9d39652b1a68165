// Tests run as the modules they test do: ESM, TypeScript stripped (by swc, since jest does not use Node's own stripping).
export const base = {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['development', 'node'] },
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2024',
          parser: { syntax: 'typescript', explicitResourceManagement: true },
          experimental: { keepImportAttributes: true },
        },
        module: { type: 'es6' },
      },
    ],
  },
  testTimeout: 30_000,
};

// Everything that needs nothing but this checkout. What needs other people's programs is in jest.servers.config.js.
export default { ...base, testMatch: ['<rootDir>/test/!(servers)/**/*.test.ts'] };
