// Prints docs/schema/: a JSON Schema for every kind of document, for case files and for the three configurations, from the declarations that parse them.
// With --check it writes nothing and fails where a file is not what it would print.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { format, resolveConfig } from 'prettier';
import { suiteShape } from '../policies/cases/suite-shape.ts';
import { jsonSchemas } from '../policies/documents/json-schemas.ts';
import { toJsonSchema } from '../schema/index.ts';
import { agentShape } from '../services/runtime/config/agent-config.ts';
import { configShape } from '../services/runtime/config/config.ts';
import { sidecarShape } from '../services/runtime/config/sidecar-config.ts';

const folder = path.resolve(import.meta.dirname, '../docs/schema');
const check = process.argv.includes('--check');

const schemas = new Map([
  ...jsonSchemas(),
  ['CaseFile.json', toJsonSchema(suiteShape, { title: 'CaseFile' })],
  ['Config.json', toJsonSchema(configShape('.'), { title: 'garrison.yaml' })],
  ['AgentConfig.json', toJsonSchema(agentShape('.'), { title: 'The file of a node’s agent' })],
  ['SidecarConfig.json', toJsonSchema(sidecarShape('.'), { title: 'The file of a sidecar' })],
]);
const options = { ...(await resolveConfig(path.join(folder, 'x.json'))), parser: 'json' };
const stale = [];

mkdirSync(folder, { recursive: true });
for (const [name, schema] of schemas) {
  const file = path.join(folder, name);
  const text = await format(JSON.stringify(schema), options);
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
  stale.push(name);
  if (!check) writeFileSync(file, text);
}
for (const name of readdirSync(folder)) {
  if (schemas.has(name) || !name.endsWith('.json')) continue;
  stale.push(name);
  if (!check) rmSync(path.join(folder, name));
}
if (check && stale.length > 0) {
  console.error(`docs/schema is not current (${stale.join(', ')}): run \`npm run gen:schema\``);
  process.exitCode = 1;
}
