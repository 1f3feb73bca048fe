import { describe, expect, it } from '@jest/globals';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { Pod } from '@timonel/sdk/kube';
import { LivePods } from './live-pods.ts';

function bench(): { readonly live: LivePods; readonly lists: string[]; readonly at: { version: number } } {
  const lists: string[] = [];
  const at = { version: 10 };
  const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }];
  const list = async (_type: unknown, { namespace = '' }: { readonly namespace?: string }): Promise<unknown> => {
    lists.push(namespace);
    const metadata = { resourceVersion: String(at.version) };
    await Promise.resolve();
    const items: Pod[] = [
      { metadata: { name: 'p', namespace, labels: { a: 'b' } }, spec: { containers: [], nodeName: 'n', volumes } },
      { metadata: { name: 'q', namespace }, spec: { containers: [], nodeName: 'n' } },
    ];
    return { metadata, items };
  };
  return { live: new LivePods({ list: list as ApiClient['list'] }), lists, at };
}

describe('the pods that use claims', () => {
  it('are listed once for many claims that were deleted before', async () => {
    const { live, lists } = bench();
    const versions = Array.from({ length: 100 }, (_, index) => String(index % 11));
    const answers = await Promise.all(versions.map((version) => live.since('x', version)));
    expect(lists).toEqual(['x']);
    for (const answer of answers) expect(answer.map(({ metadata }) => metadata)).toEqual([{ name: 'p' }]);
    await live.since('x', '10');
    expect(lists).toEqual(['x']);
  });

  it('are listed again for a claim that was deleted since, of another namespace, or on demand', async () => {
    const { live, lists, at } = bench();
    await live.since('x', '9');
    at.version = 12;
    const [later] = await Promise.all([live.since('x', '11'), live.since('x', '12')]);
    expect(later).toHaveLength(1);
    expect(lists).toEqual(['x', 'x']);
    await live.since('y', '1');
    await live.now('y');
    expect(lists).toEqual(['x', 'x', 'y', 'y']);
  });

  it('are listed again after a list that failed', async () => {
    let fails = true;
    const answer = { metadata: { resourceVersion: '5' }, items: [] };
    const list = (): Promise<unknown> => (fails ? Promise.reject(new Error('away')) : Promise.resolve(answer));
    const live = new LivePods({ list: list as ApiClient['list'] });
    await expect(live.since('x', '1')).rejects.toThrow('away');
    fails = false;
    expect(await live.since('x', '1')).toEqual([]);
  });
});
