/** Volumes that follow their objects while pods run. */
import { describe, expect, it } from '@jest/globals';
import { once, sh } from './support/real/containers.ts';
import { mounts } from './support/real/keyed-volumes.ts';
import { LiveVolumes } from './support/real/live-volumes.ts';
import { realNode } from './support/real/real-node.ts';

const node = realNode();

describe('storage: ConfigMap volumes', () => {
  const config = new LiveVolumes(node, 'ConfigMap', 'config', (name) => (options) => ({
    configMap: { name, ...options },
  }));
  it('follow changes while the pod runs', () => config.updates());
  it('of optional ConfigMaps are emptied, changed and filled while the pod runs', () => config.optionals());
});

describe('storage: Secret volumes', () => {
  const secret = new LiveVolumes(node, 'Secret', 'secret', (secretName) => (options) => ({
    secret: { secretName, ...options },
  }));
  it('follow changes while the pod runs', () => secret.updates());
  it('of optional Secrets are emptied, changed and filled while the pod runs', () => secret.optionals());
});

describe('storage: projected volumes', () => {
  const projected = (kind: 'ConfigMap' | 'Secret'): LiveVolumes =>
    new LiveVolumes(node, kind, `projected-${kind.toLowerCase()}`, (name) => (options) => {
      const source = { name, ...options };
      return { projected: { sources: [kind === 'Secret' ? { secret: source } : { configMap: source }] } };
    });
  const both = [
    ['ConfigMap', projected('ConfigMap')],
    ['Secret', projected('Secret')],
  ] as const;
  it.each(both)('follow changes of a %s while the pod runs', (_kind, volumes) => volumes.updates());
  it.each(both)('of an optional %s are emptied, changed and filled while the pod runs', (_kind, volumes) =>
    volumes.optionals(),
  );
});

const paths = ['labels', 'annotations'] as const;
const items = paths.map((path) => ({ path, fieldRef: { fieldPath: `metadata.${path}` } }));

describe('storage: downward API volumes', () => {
  const kinds = [
    ['its own', { downwardAPI: { items } }],
    ['a projected', { projected: { sources: [{ downwardAPI: { items } }] } }],
  ] as const;
  const cases = kinds.flatMap(([kind, volume]) =>
    paths.map((path) => {
      const mounted = mounts({ info: volume });
      const script = `echo first; until grep -q new /info/${path}; do usleep 50000; done; cat /info/${path}; echo`;
      const metadata = { labels: { a: 'old', b: 'here' }, annotations: { a: 'old', b: 'here' } };
      const name = `${path}-${kind.replace(' ', '-')}`;
      return [kind, path, node.pod(name, once(sh(script, mounted), mounted), metadata)] as const;
    }),
  );
  it.each(cases)('in %s volume follow the %s while the pod runs', async (_kind, path, pod) => {
    await pod.untilLogs(/^first$/m);
    await pod.patch({ metadata: { [path]: { a: 'new' } } });
    expect((await pod.output()).split('\n').slice(1, 3)).toEqual(['a="new"', 'b="here"']);
  });
});
