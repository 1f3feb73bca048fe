import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import {
  accessRuleSource,
  apiHooks,
  notReadable,
  refuse,
  type AccessAttributes,
  type AccessDecision,
} from '@timonel/sdk/contracts/api-server';
import { informers as informersOf } from '@timonel/sdk/controller';
import { keepDefaults } from './defaults/keep-defaults.ts';
import { escalationRefusals, grants } from './escalation.ts';
import { RuleBook } from './rule-book.ts';
import { rulesShown } from './rules-shown.ts';

const waitMs = 1000;
const allowed: AccessDecision = Object.freeze({ allowed: true, reason: '' });
const denied: AccessDecision = Object.freeze({ allowed: false, reason: '' });
const unread: AccessDecision = Object.freeze({
  allowed: false,
  reason: 'the roles and bindings have not been read yet; please try again',
  retryAfterSeconds: 1,
});

/** Role-based access control: the last word on what users may do. */
const plugin: AnyPlugin = definePlugin({
  name: 'authz-rbac',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Decides what users may do by roles and bindings, and keeps the default ones of Kubernetes.',
  criticality: 'required',
  // A swap would leave requests without a decision for a moment.
  swap: 'never',
  provides: { rules: accessRuleSource },
  requires: { api: apiClient },
  setup(ctx) {
    const { api } = ctx.deps;
    const informers = informersOf(ctx, api);
    const book = new RuleBook(informers);
    let defaultsAreThere = false;
    const judged = (attributes: AccessAttributes): AccessDecision => {
      if (book.allows(attributes.user, attributes.namespace, attributes)) return allowed;
      return defaultsAreThere ? denied : unread;
    };
    const whenRead = async (): Promise<boolean> => {
      if (informers.hasSynced()) return true;
      const cut = new AbortController();
      await Promise.race([informers.synced(), ctx.env.timers.sleep(waitMs, cut.signal)]).catch(() => undefined);
      cut.abort();
      return informers.hasSynced();
    };
    ctx.tap(
      apiHooks.accessDecide,
      (attributes) =>
        informers.hasSynced()
          ? judged(attributes)
          : whenRead().then((isRead) => (isRead ? judged(attributes) : unread)),
      { stage: apiHooks.accessDecide.options.stages['last'] ?? 100 },
    );
    ctx.tap(apiHooks.objectValidate, (object, context) => {
      if (!grants(context)) return undefined;
      if (informers.hasSynced()) return escalationRefusals(book, object, context);
      if (context.user.groups.includes('system:masters')) return undefined;
      return [refuse(notReadable('the roles and bindings'))];
    });
    return {
      provides: { rules: { rulesFor: async (user, namespace) => rulesShown(book.rulesOf(user, namespace)) } },
      async start() {
        informers.start();
        await informers.tried();
        void keepDefaults({ api, env: ctx.env, log: ctx.log, signal: ctx.signal }).then(
          () => (defaultsAreThere = true),
          () => undefined,
        );
      },
      async stop() {
        await informers.stop();
      },
    };
  },
});

export default plugin;
