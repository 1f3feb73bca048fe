export * from './definitions.ts';
export * from './family.ts';
export type { Counter, Gauge, Histogram, Instrument, LabelValues } from './instruments.ts';
export * from './open-metrics.ts';
