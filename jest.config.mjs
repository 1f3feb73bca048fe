const transform = {
  '^.+\\.ts$': [
    '@swc/jest',
    {
      jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
      module: { type: 'es6' },
      sourceMaps: 'inline',
    },
  ],
};

const shared = {
  rootDir: import.meta.dirname,
  extensionsToTreatAsEsm: ['.ts'],
  // Copies of the tree lie there while tests run them elsewhere.
  modulePathIgnorePatterns: ['<rootDir>/.cache/'],
  testEnvironment: 'node',
  testEnvironmentOptions: {
    customExportConditions: ['timonel-source', 'node', 'node-addons'],
    globalsCleanup: 'off',
  },
  transform,
};

export default {
  maxWorkers: 2,
  // Two busy cores are slow at times; a test that hangs is found all the same.
  testTimeout: 30_000,
  watchman: false,
  workerIdleMemoryLimit: '600MB',
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['<rootDir>/{core,sdk,cli,plugins}/**/src/**/*.test.ts'],
    },
    {
      ...shared,
      displayName: 'integration',
      testMatch: [
        '<rootDir>/test/{architecture,conformance,contract,integration,reliability,security,simulation}/**/*.test.ts',
      ],
    },
    { ...shared, displayName: 'e2e', testMatch: ['<rootDir>/test/{e2e,guest}/**/*.test.ts'] },
  ],
};
