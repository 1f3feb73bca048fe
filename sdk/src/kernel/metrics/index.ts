export * from './definitions.ts';
export * from './family.ts';
export * from './kernel-figures.ts';
export * from './kernel-metric-definitions.ts';
export type { Counter, Gauge, Histogram, Instrument, LabelValues } from './instruments.ts';
export * from './latency.ts';
export * from './metric-registry.ts';
export * from './open-metrics.ts';
