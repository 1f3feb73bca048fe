/** What happens between a decision and its binding: Reserve, Permit, PreBind, Bind; and PostBind or Unreserve after it. */
import { errorMessage } from '../kernel/index.ts';
import type { Admission, PodClass, PodInfo, SchedulingPlugin, Status } from '../contracts/scheduler/index.ts';
import type { PluginGuard } from './plugin-guard.ts';
import { Permission, type Timers } from './permission.ts';
import type { Profile } from './profile.ts';

/** Permit without a limit of its own waits for so long. Source: kube-scheduler's longest, 15 minutes. */
const permitLimitMs = 15 * 60_000;

type Refusal = Extract<Admission, { outcome: 'refused' }>;

function refusal({ name: plugin }: SchedulingPlugin, status: Status | undefined): Refusal | undefined {
  const code = status?.code ?? 'success';
  if (code === 'success' || code === 'skip') return undefined;
  return { outcome: 'refused', plugin, reason: status?.reason ?? `refused by ${plugin}` };
}

/** Plugins that have one of these extension points. */
function having(profile: Profile, ...points: readonly (keyof SchedulingPlugin)[]): readonly SchedulingPlugin[] {
  return profile.all.filter((plugin) => points.some((point) => point in plugin));
}

/** Plugins that have something to do with the pods of a class. */
interface Concerned {
  readonly admitting: readonly SchedulingPlugin[];
  readonly bound: readonly SchedulingPlugin[];
  /** In reverse order. */
  readonly undoing: readonly SchedulingPlugin[];
}

export class BindingCycle {
  readonly #all: Concerned;
  readonly #byClass = new WeakMap<PodClass, Concerned>();
  readonly #guard: PluginGuard;
  readonly #timers: Timers;

  constructor(profile: Profile, guard: PluginGuard, timers: Timers) {
    this.#all = {
      admitting: having(profile, 'reserve', 'permit', 'preBind', 'bind'),
      bound: having(profile, 'postBind'),
      undoing: having(profile, 'unreserve').toReversed(),
    };
    this.#guard = guard;
    this.#timers = timers;
  }

  /** Whether a plugin has anything to do with the pod before it is bound. */
  admits(pod: PodInfo): boolean {
    return this.#concerned(pod).admitting.length > 0;
  }

  async admit(pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<Admission> {
    const plugins = this.#concerned(pod).admitting.filter(({ name }) => !this.#guard.isOut(name));
    for (const plugin of plugins) {
      const no = this.#ask(plugin, () => plugin.reserve?.(pod, nodeName));
      if (no !== undefined) return no;
    }
    const denied = await this.#permit(plugins, pod, nodeName, signal);
    if (denied !== undefined) return denied;
    for (const plugin of plugins) {
      const no = await this.#askLater(plugin, () => plugin.preBind?.(pod, nodeName));
      if (no !== undefined) return no;
    }
    return this.#bind(plugins, pod, nodeName);
  }

  settled(pod: PodInfo, nodeName: string, bound: boolean): void {
    const concerned = this.#concerned(pod);
    const plugins = bound ? concerned.bound : concerned.undoing;
    for (const plugin of plugins) {
      this.#ask(plugin, () => {
        if (bound) plugin.postBind?.(pod, nodeName);
        else plugin.unreserve?.(pod, nodeName);
        return undefined;
      });
    }
  }

  #concerned({ class: podClass }: PodInfo): Concerned {
    const known = this.#byClass.get(podClass);
    if (known !== undefined) return known;
    const { admitting, bound, undoing } = this.#all;
    const taking = new Set([...admitting, ...bound, ...undoing]);
    for (const plugin of taking) if (!this.#takesPart(plugin, podClass)) taking.delete(plugin);
    const only = (plugins: readonly SchedulingPlugin[]): SchedulingPlugin[] => plugins.filter((one) => taking.has(one));
    const concerned = { admitting: only(admitting), bound: only(bound), undoing: only(undoing) };
    this.#byClass.set(podClass, concerned);
    return concerned;
  }

  /** One that throws is asked about each pod. */
  #takesPart(plugin: SchedulingPlugin, podClass: PodClass): boolean {
    try {
      return this.#guard.call(plugin.name, () => plugin.takesPart?.(podClass) ?? true);
    } catch {
      return true;
    }
  }

  async #bind(plugins: readonly SchedulingPlugin[], pod: PodInfo, nodeName: string): Promise<Admission> {
    for (const plugin of plugins) {
      if (plugin.bind === undefined) continue;
      let status: Status | undefined;
      const no = await this.#askLater(plugin, async () => (status = await plugin.bind?.(pod, nodeName)));
      if (no !== undefined) return no;
      if (status?.code === 'success') return { outcome: 'bound' };
    }
    return { outcome: 'bind' };
  }

  /** A throw is a refusal, and the plugin's fault. */
  #ask(plugin: SchedulingPlugin, work: () => Status | undefined): Refusal | undefined {
    try {
      return refusal(plugin, this.#guard.call(plugin.name, work));
    } catch (error) {
      return { outcome: 'refused', plugin: plugin.name, reason: errorMessage(error) };
    }
  }

  async #askLater(
    plugin: SchedulingPlugin,
    work: () => Promise<Status | undefined> | undefined,
  ): Promise<Refusal | undefined> {
    try {
      return refusal(plugin, await this.#guard.call(plugin.name, work));
    } catch (error) {
      const fault = this.#guard.fault(plugin.name, `threw: ${errorMessage(error)}`, error);
      return { outcome: 'refused', plugin: plugin.name, reason: fault.message };
    }
  }

  async #permit(
    plugins: readonly SchedulingPlugin[],
    pod: PodInfo,
    nodeName: string,
    signal: AbortSignal,
  ): Promise<Refusal | undefined> {
    const permission = new Permission(this.#timers);
    for (const plugin of plugins) {
      if (plugin.permit === undefined || permission.objection !== undefined) continue;
      const { name } = plugin;
      const handle = permission.ask(name);
      let status: Status | undefined;
      const no = this.#ask(plugin, () => (status = plugin.permit?.(pod, nodeName, handle)));
      if (status?.code === 'wait') permission.wait(name, status.timeoutMs ?? permitLimitMs);
      else if (no === undefined) permission.allow(name);
      else permission.reject(name, no.reason);
    }
    const objection = await permission.settled(signal);
    return objection === undefined ? undefined : { outcome: 'refused', plugin: objection.by, reason: objection.reason };
  }
}
