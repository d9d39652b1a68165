import { documentWarnings } from './document-warnings.ts';
import type { Finding } from './finding.ts';
import { lintRules } from './lint-rules.ts';

/** Static Analysis Results Interchange Format 2.1.0 (OASIS), as code hosts read it. */
export function sarifOf(findings: readonly Finding[]): Record<string, unknown> {
  const known = allLintRules();
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'garrison policy lint',
            rules: known.map(({ id, name, summary, severity }) => ({
              id,
              name: pascal(name),
              shortDescription: { text: summary },
              defaultConfiguration: { level: severity },
            })),
          },
        },
        columnKind: 'utf16CodeUnits',
        results: findings.map((finding) => ({
          ruleId: finding.id,
          ruleIndex: known.findIndex(({ id }) => id === finding.id),
          level: finding.severity,
          message: {
            text: `${finding.kind} ${finding.policy}: ${finding.field === '' ? '' : `${finding.field}: `}${finding.reason}; ${finding.fix}`,
          },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: uriOf(finding.place.file) },
                region: { startLine: finding.place.line, startColumn: finding.place.column },
              },
              logicalLocations: [{ fullyQualifiedName: `${finding.kind}/${finding.policy}` }],
            },
          ],
        })),
      },
    ],
  };
}

/** Every id, those of the reader's warnings too, in their order. */
export function allLintRules(): { id: string; name: string; severity: Finding['severity']; summary: string }[] {
  const own = lintRules.map(({ id, name, severity, summary }) => ({ id, name, severity, summary }));
  const warned = documentWarnings.map(({ id, name, summary }) => ({ id, name, severity: 'warning' as const, summary }));
  return [...own, ...warned].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function pascal(name: string): string {
  return name.replace(/(?:^|-)([a-z])/g, (_whole, letter: string) => letter.toUpperCase());
}

/** A relative path is a relative reference (RFC 3986 §4.2): segments are escaped, slashes are not. */
function uriOf(file: string): string {
  const escaped = file.replaceAll('\\', '/').split('/').map(encodeURIComponent).join('/');
  return file.startsWith('/') ? `file://${escaped}` : escaped;
}
