import { definePlugin, errorMessage, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { requestGate } from '@timonel/sdk/contracts/api-server';
import { informers as informersOf, keepDefaultObjects } from '@timonel/sdk/controller';
import { flowSchemas, priorityLevelConfigurations } from '@timonel/sdk/kube';
import { z } from 'zod';
import { danglingCondition, tellDangling } from './dangling.ts';
import { Gate } from './gate.ts';
import { fairnessMetrics } from './metrics.ts';
import { completed, defaultLevels, defaultSchemas } from './schema/default-objects.ts';

/** API priority and fairness: one client that asks too much waits, and others do not. */
const plugin: AnyPlugin = definePlugin({
  name: 'api-fairness',
  version: '0.1.0',
  apiVersion: 1,
  description:
    'Has requests wait by flow schemas and priority levels, so that one noisy client does not starve others.',
  swap: 'drain',
  provides: { gate: requestGate },
  requires: { api: apiClient },
  config: z.strictObject({
    /** Requests at work at a time in this server, of all priority levels that are not exempt. */
    seats: z.int().min(1).default(400),
    /** Longest wait of a request, in ms. */
    waitMs: z.int().min(1).default(15_000),
  }),
  setup(ctx) {
    const { env, log, config } = ctx;
    const { api } = ctx.deps;
    const informers = informersOf(ctx, api);
    const [schemas, levels] = [informers.for(flowSchemas), informers.for(priorityLevelConfigurations)];
    const metrics = ctx.metrics(fairnessMetrics, (instruments) => {
      for (const level of gate.levels()) {
        instruments.executing.of(level.name).set(level.inUse);
        instruments.waiting.of(level.name).set(level.waiting);
        instruments.nominal.of(level.name).set(level.limits.nominal);
      }
    });
    const gate: Gate = new Gate({
      env,
      nextTurn: (fn) => void setImmediate(fn),
      seats: config.seats,
      waitMs: config.waitMs,
      rejected: (level, reason) => metrics.rejected.of(level, reason).add(),
      dispatched: (level) => metrics.dispatched.of(level).add(),
    });
    const configure = (): void => {
      if (!informers.hasSynced()) return;
      gate.configure(schemas.list(), levels.list());
      for (const schema of schemas.list()) {
        const isThere = levels.get(schema.spec.priorityLevelConfiguration.name) !== undefined;
        const condition = danglingCondition(schema, isThere, env.clock.timestamp());
        if (condition === undefined) continue;
        tellDangling(api, schema, condition).catch((error: unknown) =>
          log.warn(
            { schema: schema.metadata.name, error: errorMessage(error) },
            'the status of a flow schema was not written',
          ),
        );
      }
    };
    for (const informer of [schemas, levels]) {
      informer.addHandler({ added: configure, updated: configure, deleted: configure });
    }
    return {
      provides: { gate },
      async start() {
        informers.start();
        await informers.tried();
        configure();
        const parts = { api, env, log, signal: ctx.signal, fieldManager: 'api-fairness' };
        void (async () => {
          await keepDefaultObjects(parts, { type: priorityLevelConfigurations, wanted: defaultLevels, completed });
          await keepDefaultObjects(parts, { type: flowSchemas, wanted: defaultSchemas, completed });
        })().catch(() => undefined);
      },
      async stop() {
        await informers.stop();
        gate.close();
      },
    };
  },
});

export default plugin;
