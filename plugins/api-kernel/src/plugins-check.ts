import type { KernelControl, PluginInfo } from '@timonel/sdk';
import type { HealthCheck } from '@timonel/sdk/contracts/health';

/** `built` and what comes before it, and the ways out, are no troubles: the kernel itself is starting or stopping. */
const troubles: ReadonlySet<PluginInfo['state']> = new Set(['failed', 'quarantined']);

/** Fails while a plugin without which the process cannot go on has failed. Optional ones are restarted and do not count. */
export function pluginsCheck(control: KernelControl): HealthCheck {
  return {
    name: 'plugins',
    kind: 'ready',
    async check() {
      const broken = control
        .list()
        .filter(({ enabled, criticality, state }) => enabled && criticality === 'required' && troubles.has(state));
      if (broken.length === 0) return;
      throw new Error(broken.map(({ name, reason = '' }) => `plugin '${name}' has failed: ${reason}`).join('; '));
    },
  };
}
