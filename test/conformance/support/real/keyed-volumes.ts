/** What volumes of ConfigMaps and Secrets show, whichever way they are mounted: pods to declare, and what they must print. */
import { expect } from '@jest/globals';
import { once, sh } from './containers.ts';
import type { RealNode } from './real-node.ts';
import type { RealPod } from './real-pod.ts';

interface Options {
  readonly name?: string;
  readonly defaultMode?: number;
  readonly items?: readonly { readonly key: string; readonly path: string; readonly mode?: number }[];
  readonly optional?: boolean;
}
export type VolumeOf = (options: Options) => object;

/** Prints `path=mode:user:group:content` of files. */
export const show = `show() { for f in "$@"; do echo "$f=$(stat -L -c %a:%u:%g $f):$(cat $f)"; done; }`;

const items = [{ key: 'one', path: 'path/to/first' }];
const volumesOf = (of: VolumeOf): Record<string, object> => ({
  plain: of({}),
  again: of({}),
  modes: of({ defaultMode: 0o400 }),
  mapped: of({ items }),
  item: of({ items: [{ key: 'one', path: 'path/to/first', mode: 0o400 }] }),
});

export function mounts(volumes: Record<string, object>): { volumes: object[]; volumeMounts: object[] } {
  const names = Object.keys(volumes);
  return {
    volumes: names.map((name) => ({ name, ...volumes[name] })),
    volumeMounts: names.map((name) => ({ name, mountPath: `/${name}` })),
  };
}

/** The values of an object of the kind. */
export const dataOf = (kind: string, values: Record<string, string>): object =>
  kind === 'Secret' ? { stringData: values } : { data: values };

const all = '/plain/one /plain/two /again/one /modes/one /mapped/path/to/first /item/path/to/first';

/** Pods that mount one object, which is made too. */
export class KeyedVolumes {
  readonly #root: RealPod;
  readonly #other: RealPod;
  readonly #grouped: RealPod;

  constructor(node: RealNode, kind: 'ConfigMap' | 'Secret', prefix: string, of: (name: string) => VolumeOf) {
    node.object(kind, `${prefix}-keyed`, dataOf(kind, { one: 'value-1', two: 'value-2' }));
    const { volumes, volumeMounts } = mounts(volumesOf(of(`${prefix}-keyed`)));
    this.#root = node.pod(
      `${prefix}-root`,
      once(sh(`${show}; show ${all}; ls /mapped`, { volumeMounts }), { volumes }),
    );
    const reader = { securityContext: { runAsUser: 1000, runAsNonRoot: true } };
    const readable = sh(`${show}; show /plain/one /mapped/path/to/first`, { volumeMounts, ...reader });
    this.#other = node.pod(`${prefix}-reader`, once(readable, { volumes }));
    const grouped = mounts({ modes: of(`${prefix}-keyed`)({ defaultMode: 0o440 }) });
    const securityContext = { runAsUser: 1000, fsGroup: 1001 };
    this.#grouped = node.pod(
      `${prefix}-group`,
      once(sh(`${show}; show /modes/one`, grouped), { ...grouped, securityContext }),
    );
  }

  async plain(): Promise<void> {
    const { '/plain/one': one, '/plain/two': two } = await this.#root.values();
    expect([one, two]).toEqual(['644:0:0:value-1', '644:0:0:value-2']);
  }

  async defaultMode(): Promise<void> {
    expect((await this.#root.values())['/modes/one']).toBe('400:0:0:value-1');
  }

  async mappings(): Promise<void> {
    expect((await this.#root.values())['/mapped/path/to/first']).toBe('644:0:0:value-1');
    expect((await this.#root.output()).trimEnd().split('\n').slice(6)).toEqual(['path']);
  }

  async itemMode(): Promise<void> {
    expect((await this.#root.values())['/item/path/to/first']).toBe('400:0:0:value-1');
  }

  async several(): Promise<void> {
    const { '/plain/one': one, '/again/one': again } = await this.#root.values();
    expect(one).toBe(again);
  }

  async nonRoot(): Promise<void> {
    expect((await this.#other.values())['/plain/one']).toBe('644:0:0:value-1');
  }

  async nonRootMappings(): Promise<void> {
    expect((await this.#other.values())['/mapped/path/to/first']).toBe('644:0:0:value-1');
  }

  async group(): Promise<void> {
    expect(await this.#grouped.values()).toEqual({ '/modes/one': '440:0:1001:value-1' });
  }
}
