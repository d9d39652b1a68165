// Emits dist/: the package as it is published. In a checkout nothing needs it: Node runs the TypeScript itself,
// but it refuses to strip types below node_modules, so what is installed there must be JavaScript.
//
// The code is put together into a hundred files, for finding and reading eight hundred is half of a start. The types stay
// file by file, and two things `tsc` alone does not do for them: relative imports name `.ts` files and must name `.js`
// ones, and `#room/x.ts` must find its declarations. The first is a transformer; the second is dist/package.json, a
// package scope of its own.
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { build } from 'esbuild';
import ts from 'typescript';

const root = path.resolve(import.meta.dirname, '..');
const out = path.join(root, 'dist');
// What is named from outside: by `exports` and by the launchers.
const entries = [
  'cli/main.ts',
  'cli/demo/bookinfo/main.ts',
  'policies/index.ts',
  'policies/cedar/library.ts',
  'identity/index.ts',
];
const rooms = ['proto', 'schema', 'ca', 'policies', 'services', 'identity', 'cli'];

/** @param {string} specifier */
const published = (specifier) => (/^\.{1,2}\/.*\.ts$/.test(specifier) ? specifier.replace(/\.ts$/, '.js') : specifier);

/** @type {(context: ts.TransformationContext) => (node: any) => any} */
const renameImports = (context) => (file) => {
  /** @param {ts.Node} node */
  const visit = (node) =>
    ts.isStringLiteral(node) && published(node.text) !== node.text && isSpecifier(node)
      ? context.factory.createStringLiteral(published(node.text), true)
      : ts.visitEachChild(node, visit, context);
  return ts.visitEachChild(file, visit, context);
};

/** @param {ts.Node} node */
function isSpecifier(node) {
  const parent = node.parent;
  if (parent === undefined) return true;
  return (
    ts.isImportDeclaration(parent) ||
    ts.isExportDeclaration(parent) ||
    (ts.isLiteralTypeNode(parent) && ts.isImportTypeNode(parent.parent)) ||
    (ts.isCallExpression(parent) && parent.expression.kind === ts.SyntaxKind.ImportKeyword)
  );
}

rmSync(out, { recursive: true, force: true });
const { config } = ts.readConfigFile(path.join(root, 'tsconfig.json'), ts.sys.readFile);
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
const program = ts.createProgram(
  rooms.flatMap((room) => globSync(`${room}/**/*.ts`, { cwd: root }).map((file) => path.join(root, file))),
  { ...options, noEmit: false, declaration: true, emitDeclarationOnly: true, outDir: out, rootDir: root },
);
const faults = [...program.getSyntacticDiagnostics(), ...program.getSemanticDiagnostics()];
if (faults.length > 0) {
  console.error(
    ts.formatDiagnostics(faults, {
      getCanonicalFileName: (f) => f,
      getCurrentDirectory: () => root,
      getNewLine: () => '\n',
    }),
  );
  process.exit(1);
}
program.emit(undefined, undefined, undefined, true, { afterDeclarations: [renameImports] });

await build({
  absWorkingDir: root,
  entryPoints: entries,
  outbase: root,
  outdir: out,
  chunkNames: 'parts/[name]-[hash]',
  bundle: true,
  splitting: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  // The libraries among them run on the oldest Node that the package allows.
  target: 'node20',
  logLevel: 'warning',
});

const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
const imports = Object.fromEntries(
  Object.entries(manifest.imports)
    .filter(([name]) => rooms.includes(name.slice(1).split('/')[0] ?? '') || name === '#runtime/*')
    .flatMap(([name, target]) => [
      [name.replace('*', '*.ts'), String(target).replace('*', '*.js')],
      [name, target],
    ]),
);
writeFileSync(path.join(out, 'package.json'), `${JSON.stringify({ type: 'module', imports }, null, 2)}\n`);

console.log(`dist: ${globSync('**/*.js', { cwd: out }).length} files of JavaScript`);
