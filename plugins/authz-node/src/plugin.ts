import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import {
  apiHooks,
  forbiddenBy,
  refuse,
  type AccessAttributes,
  type AccessDecision,
  type AdmissionContext,
  type AdmissionObject,
  type AdmissionRefusal,
} from '@timonel/sdk/contracts/api-server';
import { inReadLimit, informers as informersOf } from '@timonel/sdk/controller';
import { z } from 'zod';
import { NodeGraph } from './node-graph.ts';
import { nodeMay } from './node-rules.ts';
import { isOfNodes, nodeNameOf } from './node-user.ts';
import { restrictionProblem } from './restriction/restriction.ts';

const waitMs = 1000;
const allowed: AccessDecision = Object.freeze({ allowed: true, reason: '' });
const nameless: AccessDecision = Object.freeze({ allowed: false, reason: 'the group system:nodes is for nodes only' });
const unread: AccessDecision = Object.freeze({
  allowed: false,
  reason: 'the pods of the nodes have not been read yet; please try again',
  retryAfterSeconds: 1,
});

/** Nodes reach what their own pods need, and write what is their own. */
const plugin: AnyPlugin = definePlugin({
  name: 'authz-node',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Decides what nodes may do: read what their own pods need, and write their own objects only.',
  criticality: 'required',
  swap: 'never',
  requires: { api: apiClient },
  config: z.strictObject({
    /** Nodes read pods that run elsewhere, too: whoever enforces network policies has to know their labels and addresses. */
    readsAllPods: z.boolean().default(true),
  }),
  setup(ctx) {
    const { api } = ctx.deps;
    const informers = informersOf(ctx, api);
    const graph = new NodeGraph(informers);
    const rules = { graph, readsAllPods: ctx.config.readsAllPods };
    // Undefined: whoever decides after it may allow more.
    const judged = (node: string, attributes: AccessAttributes): AccessDecision | undefined =>
      nodeMay(node, attributes, rules) ? allowed : undefined;
    const whenRead = async (node: string, attributes: AccessAttributes): Promise<AccessDecision | undefined> => {
      await inReadLimit(ctx.env, graph.whenReady(), waitMs).catch(() => undefined);
      return graph.isReady ? judged(node, attributes) : unread;
    };
    ctx.tap(
      apiHooks.accessDecide,
      (attributes) => {
        if (!isOfNodes(attributes.user)) return undefined;
        const node = nodeNameOf(attributes.user);
        if (node === undefined) return nameless;
        return graph.isReady ? judged(node, attributes) : whenRead(node, attributes);
      },
      { stage: apiHooks.accessDecide.options.stages['early'] ?? -100 },
    );
    const refusals = async (
      node: string,
      object: AdmissionObject,
      context: AdmissionContext,
    ): Promise<AdmissionRefusal[] | undefined> => {
      const problem = await restrictionProblem(node, object, context, { graph, api, env: ctx.env });
      return problem === undefined ? undefined : [refuse(forbiddenBy(context, problem))];
    };
    ctx.tap(apiHooks.objectValidate, (object, context) => {
      const node = isOfNodes(context.user) ? nodeNameOf(context.user) : undefined;
      return node === undefined ? undefined : refusals(node, object, context);
    });
    return {
      async stop() {
        await informers.stop();
      },
    };
  },
});

export default plugin;
