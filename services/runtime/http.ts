/**
 * node:http, got otherwise than by `import`: that reads every export of it, and one of them loads Node's whole machinery for
 * `fetch` and WebSocket, 11 MB and 25 ms in each process that has no use for it. Types are imported as ever.
 */
const http = process.getBuiltinModule('node:http');

export const { Agent, STATUS_CODES, ServerResponse, createServer, request } = http;
