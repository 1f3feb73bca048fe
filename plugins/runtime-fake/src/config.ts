import { z } from 'zod';

/** How containers of some images live. */
export interface Stage {
  /** An image reference; `*` stands for any text. The first stage that fits counts. */
  readonly image: string;
  /** From start to running. */
  readonly startDelayMs: number;
  /** From running to its end; absent: it runs until it is stopped. */
  readonly exitAfterMs?: number | undefined;
  readonly exitCode: number;
}

/** Constant figures, made up. */
export interface FakeUsage {
  /** Thousandths of a cpu that each running container is said to use. */
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

export interface FakeConfig {
  readonly stages: readonly Stage[];
  /** Nodes that this plugin registers and whose pods it runs itself, without an agent. 0: none. */
  readonly nodes: number;
  readonly nodePrefix: string;
  readonly nodeCapacity: Record<string, string>;
  /** From being bound to Running, for pods of those nodes. */
  readonly podStartDelayMs: number;
  /** Writes of pod status in flight. */
  readonly writes: number;
  readonly heartbeatIntervalMs: number;
  /** What each running container is said to use. Absent: nothing. */
  readonly usage?: FakeUsage | undefined;
}

const stage: z.ZodType<Stage> = z.strictObject({
  image: z.string().min(1),
  startDelayMs: z.number().int().min(0).default(0),
  exitAfterMs: z.number().int().min(0).optional(),
  exitCode: z.number().int().min(0).max(255).default(0),
});

export const configSchema: z.ZodType<FakeConfig> = z.strictObject({
  stages: z.array(stage).max(1000).default([]),
  nodes: z.number().int().min(0).max(10_000).default(0),
  nodePrefix: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be a DNS label')
    .default('fake'),
  nodeCapacity: z
    .record(z.string(), z.string())
    .default({ cpu: '32', memory: '256Gi', 'ephemeral-storage': '1Ti', pods: '110' }),
  podStartDelayMs: z.number().int().min(0).default(0),
  writes: z.number().int().min(1).max(256).default(32),
  heartbeatIntervalMs: z.number().int().min(100).default(10_000),
  usage: z
    .strictObject({ cpuMillis: z.number().int().min(0).default(0), memoryBytes: z.number().int().min(0).default(0) })
    .optional(),
});
