import { z } from 'zod';
import type { AnyPlugin } from '@timonel/sdk';
import { leadership } from '@timonel/sdk/contracts/leadership';
import { byNamespace, defineController, keysFrom, type Informer } from '@timonel/sdk/controller';
import { objectKey, resourceQuotas, type ResourceQuota, type ResourceType } from '@timonel/sdk/kube';
import { evaluatorOf, typesCountedBy } from '@timonel/sdk/quota';
import { CustomTypes } from './custom-types.ts';
import { explain } from './explain.ts';
import { Memories } from './memories.ts';
import { NamespaceUsage } from './namespace-usage.ts';
import { reconcile, trustsCaches, type Observed, type Shown } from './reconcile.ts';

interface Inputs {
  readonly quotas: Informer<ResourceQuota>;
  readonly usage: NamespaceUsage;
  readonly custom: CustomTypes;
  /** By quota. Of the time in which this process leads: what others have taken off meanwhile must not be taken off again. */
  readonly memories: Memories;
  /** Forgets everything when the leader has changed since the last call. */
  readonly settleLeader: () => void;
}

/** For which none of the types counts. */
const namesWithout = (names: readonly string[], types: readonly ResourceType[]): readonly string[] =>
  names.filter((name) => !types.some((type) => evaluatorOf(type).takes(name)));

const config = z.strictObject({
  /** So long after a charge its object may still come; charges whose object did not come are given back then. */
  settleMs: z.number().int().min(100).max(600_000).default(10_000),
  /** Each quota is counted anew this often, even if nothing has changed. */
  resyncMs: z.number().int().min(1_000).max(86_400_000).default(300_000),
});

const plugin: AnyPlugin = defineController({
  name: 'controller-resourcequota',
  version: '0.1.0',
  description: 'Counts for each ResourceQuota what the objects of its namespace use.',
  component: 'resourcequota-controller',
  subject: resourceQuotas,
  optional: { leadership },
  config,
  // The status is written by the version that was looked at.
  confirm: false,
  inputs({ informers, env, api, deps, host }): Inputs {
    const quotas = informers.for(resourceQuotas, { indexes: { namespace: byNamespace } });
    const custom = new CustomTypes({ host, api, informers });
    const usage = new NamespaceUsage({ caches: informers, custom, quotas, env, api });
    const memories = new Memories(usage);
    const leaders = (): string => {
      const status = deps.leadership.current?.status();
      return status === undefined ? '' : `${status.leading} ${status.transitions}`;
    };
    let leader = leaders();
    const settleLeader = (): void => {
      const now = leaders();
      if (now === leader) return;
      leader = now;
      memories.clear();
      usage.forgetAll();
    };
    return { quotas, usage, custom, memories, settleLeader };
  },
  sources: ({ quotas, usage }) => [keysFrom(quotas, (quota) => [objectKey(quota)]), usage],
  async observe(key, { quotas, usage, custom, memories, settleLeader }, now, { config: { settleMs, resyncMs } }) {
    settleLeader();
    const subject = quotas.get(key);
    if (subject === undefined) {
      memories.forget(key);
      usage.forgetAll(key);
      return undefined;
    }
    const hard = subject.spec?.hard;
    const builtIn = typesCountedBy(hard);
    const beyond = namesWithout(Object.keys(hard ?? {}), builtIn);
    const types = [...builtIn, ...(await custom.countedBy(beyond))];
    const uncounted = namesWithout(beyond, types);
    const look = async (shown: Shown | undefined): Promise<Observed> => {
      const found = await usage.count(subject, types, now.nowMs);
      // It may forget some of what was before.
      const memory = memories.of(subject);
      const before = usage.before(subject, now.nowMs);
      return { ...now, subject, ...found, before, shown, memory, uncounted, settleMs, resyncMs };
    };
    const observed = await look(undefined);
    // Asked of the API only then: it lists the namespace.
    return trustsCaches(observed) ? look(await usage.shown(subject, types)) : observed;
  },
  reconcile,
  remember: (observed: Observed, outcome, { memories }) => memories.remember(observed, outcome),
  explain,
});

export default plugin;
