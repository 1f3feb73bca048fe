export * from './keep-alive.ts';
export * from './real-env.ts';
export { createSimulatedEnv, type SimulatedEnv, type SimulatedEnvOptions } from '@timonel/sdk';
