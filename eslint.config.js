import js from '@eslint/js';
import ts from 'typescript-eslint';

const ambient = [
  { object: 'Date', property: 'now', message: 'time comes in as a Clock (services/runtime/clock.ts)' },
  { object: 'Math', property: 'random', message: 'randomness comes in as an argument' },
  { object: 'process', property: 'env', message: 'the environment is read in services/runtime and main.ts only' },
  {
    object: 'process',
    property: 'exit',
    message: 'services dispose of what they hold; only an entry file ends the process',
  },
];

export default ts.config(
  { ignores: ['dist/', 'proto/gen/', 'node_modules/', 'coverage/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...ts.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-restricted-properties': ['error', ...ambient],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'time comes in as a Clock' },
        { selector: 'ExportDefaultDeclaration', message: 'named exports only' },
      ],
    },
  },
  {
    // Where the ambient world may be touched: the runtime that hands it on, entry files, and tests.
    files: [
      'services/runtime/**/*.ts',
      'identity/workload-identity.ts',
      '**/main.ts',
      'test/**/*.ts',
      'cli/demo/bookinfo/**/*.ts',
    ],
    rules: { 'no-restricted-properties': 'off', 'no-restricted-syntax': 'off' },
  },
  {
    files: ['services/**/*.ts', 'cli/audit/**/*.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          paths: [{ name: 'node:http', message: 'values come from services/runtime/http.ts', allowTypeImports: true }],
        },
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  { files: ['**/*.js'], languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } } },
);
