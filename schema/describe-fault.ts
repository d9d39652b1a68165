import type { Fault, Place } from './place.ts';

/** `file:line:column` */
export function describePlace(place: Place): string {
  return `${place.file}:${place.line}:${place.column}`;
}

/** One line for people: `file:line:column: field: reason; fix`. */
export function describeFault(fault: Fault): string {
  const field = fault.field === '' ? '' : `${fault.field}: `;
  const kind = fault.severity === 'warning' ? 'warning: ' : '';
  const fix = fault.fix === undefined ? '' : `; ${fault.fix}`;
  return `${describePlace(fault.place)}: ${kind}${field}${fault.reason}${fix}`;
}
