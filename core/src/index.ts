export { createRealEnv, createSimulatedEnv, type SimulatedEnv, type SimulatedEnvOptions } from './env/index.ts';
export { GraphError, type GraphProblem } from './graph/problems.ts';
export { createKernel } from './kernel/create-kernel.ts';
export { defaultLimits, type KernelLimits } from './kernel/limits.ts';
export type * from './kernel/options.ts';
export type { ServiceCallInfo } from './services/service-registry.ts';
