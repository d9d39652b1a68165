import { describeFault } from '#schema/index.ts';
import type { Fault } from '#schema/index.ts';

/** One fault for people, with the severity told apart. */
export function faultText(fault: Fault): string {
  return describeFault(fault);
}

/** A GitHub workflow command, which shows the fault beside the line it is about. */
export function faultAnnotation(fault: Fault): string {
  const { file, line, column } = fault.place;
  const field = fault.field === '' ? '' : `${fault.field}: `;
  const fix = fault.fix === undefined ? '' : `; ${fault.fix}`;
  const at = `file=${property(file)},line=${line},col=${column}`;
  return `::${fault.severity} ${at}::${data(`${field}${fault.reason}${fix}`)}`;
}

export function faultJson(fault: Fault): Record<string, unknown> {
  const { severity, place, field, reason, fix } = fault;
  return { severity, file: place.file, line: place.line, column: place.column, field, reason, fix };
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
