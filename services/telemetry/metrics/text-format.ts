/** Label values in Prometheus text format 0.0.4: backslash, quote and line feed are escaped, everything else stands. */
export function escapeLabel(value: string): string {
  return /["\\\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value;
}

/** Longest label value; a name is shorter, and what is longer is no name. */
const longestLabel = 256;

/** `a="x",b="y"`, without braces, so that `le` can be added. */
export function renderLabels(names: readonly string[], values: readonly string[]): string {
  return names
    .map((name, i) => `${name}="${escapeLabel((values[i] ?? '').slice(0, longestLabel).toWellFormed())}"`)
    .join(',');
}

export function renderNumber(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : value.toString();
}

export function renderHead(name: string, type: 'counter' | 'histogram', help: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}
