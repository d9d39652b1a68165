export { ReportBatcher } from './report-batcher.ts';
export type { DropReason, ReportBatcherOptions } from './report-batcher.ts';
