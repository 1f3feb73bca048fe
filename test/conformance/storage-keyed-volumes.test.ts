/** Volumes of ConfigMaps and Secrets, alone and projected, in real containers. */
import { describe, expect, it } from '@jest/globals';
import { once, sh } from './support/real/containers.ts';
import { KeyedVolumes, mounts, show } from './support/real/keyed-volumes.ts';
import { realNode } from './support/real/real-node.ts';

const node = realNode();

describe('storage: ConfigMap volumes', () => {
  const config = new KeyedVolumes(node, 'ConfigMap', 'config', (name) => (options) => ({
    configMap: { name, ...options },
  }));
  node.object('ConfigMap', 'binary', { data: { text: 'text' }, binaryData: { bytes: '/wAB/g==' } });
  const volume = mounts({ both: { configMap: { name: 'binary' } } });
  const binary = node.pod('binary', once(sh('cat /both/text; echo; base64 /both/bytes', volume), volume));

  it('show the values of keys as files of mode 0644', () => config.plain());
  it('have the default mode that is asked for', () => config.defaultMode());
  it('are read by a user that is not root', () => config.nonRoot());
  it('show chosen keys alone, on paths of their own', () => config.mappings());
  it('have modes of single files', () => config.itemMode());
  it('show chosen keys to a user that is not root', () => config.nonRootMappings());
  it('show binary data as they are', async () => {
    expect(await binary.output()).toBe('text\n/wAB/g==\n');
  });
  it('are mounted several times in one pod', () => config.several());
  it('belong to the group of the pod', () => config.group());
});

describe('storage: Secret volumes', () => {
  const secret = new KeyedVolumes(node, 'Secret', 'secret', (secretName) => (options) => ({
    secret: { secretName, ...options },
  }));

  it('show the values of keys as files of mode 0644', () => secret.plain());
  it('have the default mode that is asked for', () => secret.defaultMode());
  it('are read by a user that is not root, with a mode and the group of the pod', () => secret.group());
  it('show chosen keys alone, on paths of their own', () => secret.mappings());
  it('have modes of single files', () => secret.itemMode());
  it('are of the namespace of the pod, though another has a Secret of the name', async () => {
    await node.api.ask('POST', '/api/v1/namespaces', { metadata: { name: 'other' } });
    const other = { metadata: { name: 'same-name' }, stringData: { key: 'of the other namespace' } };
    await node.api.ask('POST', '/api/v1/namespaces/other/secrets', other);
    await node.create('Secret', 'same-name', { stringData: { key: 'of this namespace' } });
    const volume = mounts({ same: { secret: { secretName: 'same-name' } } });
    const pod = node.later('same-name', once(sh('cat /same/key; echo', volume), volume));
    await pod.create();
    expect(await pod.output()).toBe('of this namespace\n');
  });
  it('are mounted several times in one pod', () => secret.several());
});

describe('storage: projected volumes', () => {
  const projected = (kind: 'ConfigMap' | 'Secret'): KeyedVolumes =>
    new KeyedVolumes(node, kind, `projected-${kind.toLowerCase()}`, (name) => ({ defaultMode, ...options }) => {
      const source = { name, ...options };
      const sources = [kind === 'Secret' ? { secret: source } : { configMap: source }];
      return { projected: { sources, ...(defaultMode === undefined ? {} : { defaultMode }) } };
    });
  const both = [
    ['ConfigMap', projected('ConfigMap')],
    ['Secret', projected('Secret')],
  ] as const;
  node.object('ConfigMap', 'part-config', { data: { key: 'configured' } });
  node.object('Secret', 'part-secret', { stringData: { key: 'hidden' } });
  const sources = [
    { configMap: { name: 'part-config', items: [{ key: 'key', path: 'config/key' }] } },
    { secret: { name: 'part-secret', items: [{ key: 'key', path: 'secret/key', mode: 0o400 }] } },
    { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
  ];
  const volume = mounts({ all: { projected: { sources } } });
  const script = `${show}; show /all/config/key /all/secret/key /all/name`;
  const together = node.pod('together', once(sh(script, volume), volume));

  it.each(both)('show the values of a %s as files of mode 0644', (_kind, volumes) => volumes.plain());
  it.each(both)('of a %s have the default mode that is asked for', (_kind, volumes) => volumes.defaultMode());
  it.each(both)('of a %s are read by a user that is not root', async (_kind, volumes) => {
    await volumes.nonRoot();
    await volumes.group();
  });
  it.each(both)('show chosen keys of a %s alone, on paths of their own', (_kind, volumes) => volumes.mappings());
  it.each(both)('of a %s have modes of single files', (_kind, volumes) => volumes.itemMode());
  it.each(both)('show chosen keys of a %s to a user that is not root', (_kind, volumes) => volumes.nonRootMappings());
  it.each(both)('of a %s are mounted several times in one pod', (_kind, volumes) => volumes.several());
  it('hold ConfigMap, Secret and downward API together', async () => {
    expect(await together.output()).toBe(
      '/all/config/key=644:0:0:configured\n/all/secret/key=400:0:0:hidden\n/all/name=644:0:0:together\n',
    );
  });
});
