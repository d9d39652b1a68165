/** A DNS name as certificates carry it: lower case, ASCII, at most one wildcard as the whole first label (RFC 6125 §6.4.3). */
export function isDnsName(text: string): boolean {
  if (text.length === 0 || text.length > 253) return false;
  const labels = text.split('.');
  const [first, ...rest] = labels;
  if (first === '*') return rest.length >= 2 && rest.every(isLabel);
  return labels.every(isLabel) && !/^[0-9.]+$/.test(text);
}

function isLabel(label: string): boolean {
  return /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label);
}
