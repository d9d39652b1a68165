// Suites that talk to programs which `npm ci` does not bring (openssl, curl, promtool); .ci/run installs those first.
import { base } from './jest.config.js';

export default { ...base, testMatch: ['<rootDir>/test/servers/**/*.test.ts'] };
