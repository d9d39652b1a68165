// Tests run as the modules they test do: ESM, TypeScript stripped (by swc, since jest does not use Node's own stripping).
export default {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['development', 'node'] },
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2024', parser: { syntax: 'typescript', explicitResourceManagement: true } },
        module: { type: 'es6' },
      },
    ],
  },
  testTimeout: 30_000,
};
