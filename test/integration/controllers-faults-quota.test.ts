/** A full quota under faults: whatever its controller's caches show, nothing beyond it is let through. See test/support/controller-faults.ts. */
import admissionResourceQuota from '@timonel/plugin-admission-resourcequota';
import resourceQuota from '@timonel/plugin-controller-resourcequota';
import { configMaps, isAlreadyExists, resourceQuotas } from '@timonel/sdk/kube';
import { describeFaults } from '../support/controller-faults.ts';

const hard = 10;
const attempts = 40;

describeFaults({
  name: 'resourcequota',
  controllers: [resourceQuota],
  healthy: [admissionResourceQuota],
  // Of simulated time: shorter than the caches lag.
  config: { 'controller-resourcequota': { settleMs: 150 } },
  crashes: 8,
  counted: [configMaps, resourceQuotas],
  faultless: { configmaps: { made: 16, deleted: 16 }, resourcequotas: { made: 1, deleted: 1 } },
  /** Filled, charged for what fails, at its bound, emptied and filled again, deleted. */
  async life({ api, namespace, reached, rests, remember }) {
    const at = { namespace, name: 'quota' };
    const names = (prefix: string, count: number): string[] =>
      Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
    const used = (wanted: number): Promise<void> =>
      reached(`${wanted} used`, async () => {
        return (await api.get(resourceQuotas, at)).status?.used?.['configmaps'] === String(wanted);
      });
    const make = (name: string): Promise<unknown> => api.create(configMaps, { metadata: { namespace, name } });
    const made = (name: string): Promise<void> =>
      reached(name, () =>
        make(name).then(
          () => true,
          (error: unknown) => isAlreadyExists(error),
        ),
      );
    const remove = (name: string): Promise<unknown> => api.delete(configMaps, { namespace, name });
    let most = 0;
    const staysFull = async (): Promise<void> => {
      let tried = 0;
      await reached('attempts to go beyond', async () => {
        await make(`beyond-${tried}`).catch(() => undefined);
        most = Math.max(most, (await api.list(configMaps, { namespace })).items.length);
        tried += 1;
        return tried >= attempts || most > hard;
      });
      if (most > hard) throw new Error(`${most} objects where ${hard} are allowed`);
    };
    await api.create(resourceQuotas, { metadata: at, spec: { hard: { configmaps: String(hard) } } });
    await used(0);
    // Those that come together are charged by one write: the cache of quotas is ahead of that of the objects.
    await Promise.all(names('first', hard - 1).map(make));
    await make('first-0').catch(() => undefined);
    await made('last');
    await staysFull();
    await used(hard);
    await Promise.all(names('first', hard / 2).map(remove));
    await Promise.all(names('second', hard / 2).map(made));
    await staysFull();
    await used(hard);
    remember('most', most);
    const { items } = await api.list(configMaps, { namespace });
    await Promise.all(items.slice(1).map(({ metadata: { name = '' } }) => remove(name)));
    await made('third');
    await used(2);
    await rests();
    await Promise.all([...items.slice(0, 1).map(({ metadata: { name = '' } }) => remove(name)), remove('third')]);
    await used(0);
    await api.delete(resourceQuotas, at);
  },
});
