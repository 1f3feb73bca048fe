import { KernelError, type AsideProvider } from '@timonel/sdk';
import type { KernelTools } from '../kernel/parts.ts';
import type { PluginLife } from '../lifecycle/plugin-life.ts';
import type { Slot } from '../services/slot.ts';
import { providerOf, refusal, standIn } from './candidates.ts';

/** Which plugin to run aside of which service, and the plugin that it ends with. */
export interface AsideRequest {
  readonly service: string;
  readonly nameOrFile: string;
  readonly config: unknown;
  readonly owner: PluginLife | undefined;
}

/** Runs candidates beside the provider in charge, each for one watcher, who alone can call them. */
export class Asides {
  private readonly tools: KernelTools;

  constructor(tools: KernelTools) {
    this.tools = tools;
  }

  /** Runs inside of an operation. */
  async open({ service, nameOrFile, config, owner }: AsideRequest): Promise<AsideProvider> {
    const { parts, set, launcher, supervisor } = this.tools;
    if (owner?.ending === true) {
      throw new KernelError('ERR_PLUGIN_STATE', `plugin '${owner.record.name}', which asks for it, has stopped`);
    }
    const record = await set.find(nameOrFile);
    const provider = providerOf(parts, service);
    const [key, token] = standIn('ERR_PLUGIN_STATE', service, provider, record);
    if (record.life !== undefined) {
      throw refusal('ERR_PLUGIN_STATE', record, `plugin '${record.name}' runs aside of service '${service}' already`);
    }
    const wanted = config ?? record.entry.config;
    await set.check(record, wanted, provider);
    // A swap takes it as it was tried.
    record.entry = { ...record.entry, config: wanted };
    supervisor.forget(record);
    record.moveTo('checked');
    const life = await launcher.build(record, service);
    await launcher.probe(record);
    await launcher.start(record);
    const slot = parts.services.apart(token);
    life.serveAside(key, slot);
    return this.handle(life, slot, owner);
  }

  private handle(life: PluginLife, slot: Slot, owner: PluginLife | undefined): AsideProvider {
    const { operations } = this.tools;
    let ended: Promise<void> | undefined;
    const end = (reason?: string): Promise<void> => (ended ??= this.end(life, reason));
    const release = owner?.keep(() => end(`its watcher, plugin '${owner.record.name}', stopped`));
    if (release !== undefined) life.keep(release);
    return Object.freeze({
      plugin: life.record.name,
      service: slot.facadeFor(owner?.record.name ?? 'embedder'),
      signal: life.controller.signal,
      // An owner that ends does so within an operation: another one would wait for it.
      close: (reason?: string) => (owner?.ending === true ? end(reason) : operations.run(() => end(reason))),
    });
  }

  private async end(life: PluginLife, reason: string | undefined): Promise<void> {
    const { launcher, parts } = this.tools;
    const { record, aside: service } = life;
    // Whoever ended it otherwise has set its state.
    if (record.life !== life) return;
    await launcher.close(record, 'disable', { drain: false });
    record.moveTo('disabled', reason);
    parts.log.info({ plugin: record.name, service }, `runs aside no more${reason === undefined ? '' : `: ${reason}`}`);
  }
}
