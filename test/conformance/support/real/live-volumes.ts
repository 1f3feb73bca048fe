/** How volumes follow their objects while a pod runs. */
import { expect } from '@jest/globals';
import { once, sh } from './containers.ts';
import { dataOf, mounts, show, type VolumeOf } from './keyed-volumes.ts';
import type { RealNode } from './real-node.ts';
import type { RealPod } from './real-pod.ts';

const names = ['goes', 'changes', 'comes'];

export class LiveVolumes {
  readonly #node: RealNode;
  readonly #kind: 'ConfigMap' | 'Secret';
  readonly #prefix: string;
  readonly #optional: RealPod;
  readonly #updated: RealPod;

  constructor(node: RealNode, kind: 'ConfigMap' | 'Secret', prefix: string, of: (name: string) => VolumeOf) {
    this.#node = node;
    this.#kind = kind;
    this.#prefix = prefix;
    for (const name of ['goes', 'changes']) node.object(kind, `${prefix}-${name}`, dataOf(kind, { key: 'old' }));
    node.object(kind, `${prefix}-live`, dataOf(kind, { key: 'old', stays: 'here' }));
    const optional = mounts(
      Object.fromEntries(names.map((name) => [name, of(`${prefix}-${name}`)({ optional: true })])),
    );
    const seen = 'until [ ! -e /goes/key ] && grep -q new /changes/key && [ -e /comes/key ]; do usleep 50000; done';
    const script = `${show}; show /goes/key /changes/key; ls /comes; echo first; ${seen}; show /changes/key /comes/key`;
    this.#optional = node.pod(`${prefix}-optional`, once(sh(script, optional), optional));
    const live = mounts({ live: of(`${prefix}-live`)({}) });
    const follow = `cat /live/key; echo; until grep -q new /live/key; do usleep 50000; done; ${show}; show /live/*`;
    this.#updated = node.pod(`${prefix}-live`, once(sh(follow, live), live));
  }

  async updates(): Promise<void> {
    await this.#updated.untilLogs(/^old$/m);
    await this.#change('live', { key: 'new' });
    expect(await this.#updated.output()).toBe('old\n/live/key=644:0:0:new\n/live/stays=644:0:0:here\n');
  }

  async optionals(): Promise<void> {
    await this.#optional.untilLogs(/^first$/m);
    await this.#node.change(this.#kind, `${this.#prefix}-goes`, null);
    await this.#change('changes', { key: 'new' });
    await this.#node.create(this.#kind, `${this.#prefix}-comes`, dataOf(this.#kind, { key: 'made' }));
    const before = ['/goes/key=644:0:0:old', '/changes/key=644:0:0:old', 'first'];
    const after = ['/changes/key=644:0:0:new', '/comes/key=644:0:0:made'];
    expect(await this.#optional.output()).toBe(`${[...before, ...after].join('\n')}\n`);
  }

  #change(name: string, values: Record<string, string>): Promise<void> {
    return this.#node.change(this.#kind, `${this.#prefix}-${name}`, dataOf(this.#kind, values));
  }
}
