/** emptyDir volumes and paths within volumes, in real containers. */
import { describe, expect, it } from '@jest/globals';
import { idle, once, sh } from './support/real/containers.ts';
import { mounts } from './support/real/keyed-volumes.ts';
import { realNode } from './support/real/real-node.ts';

const node = realNode();

describe('storage: emptyDir', () => {
  const media = [
    ['the default medium', {}],
    ['tmpfs', { medium: 'Memory' }],
  ] as const;
  const users = [
    ['root', 0],
    ['a user that is not root', 1001],
  ] as const;
  const typeOf = (medium: string): string => (medium === 'tmpfs' ? 'tmpfs' : 'disk');
  const look =
    'grep -q " /v tmpfs " /proc/mounts && echo type=tmpfs || echo type=disk; echo mode=$(stat -c %a:%u:%g /v)';
  const cases = media.flatMap(([medium, emptyDir], index) =>
    users.flatMap(([user, runAsUser]) =>
      ['0644', '0666', '0777'].map((mode) => {
        const volume = mounts({ v: { emptyDir } });
        const script = `umask 0; echo kept > /v/f; chmod ${mode} /v/f; echo file=$(stat -c %a:%u /v/f); echo text=$(cat /v/f); ${look}`;
        const container = sh(script, { ...volume, securityContext: { runAsUser } });
        const pod = node.pod(`empty-${index}-${runAsUser}-${mode}`, once(container, volume));
        return { user, mode, medium, pod, file: `${mode.slice(1)}:${runAsUser}` };
      }),
    ),
  );
  const modes = media.map(([medium, emptyDir], index) => {
    const volume = mounts({ v: { emptyDir } });
    return [medium, node.pod(`empty-mode-${index}`, once(sh(look, volume), volume))] as const;
  });
  const shared = mounts({ v: { emptyDir: {} } });
  const pair = node.pod(
    'empty-shared',
    once(
      [
        sh('until [ -e /v/f ]; do usleep 50000; done; cat /v/f', shared),
        sh('echo from the other > /v/part; mv /v/part /v/f', { ...shared, name: 'other' }),
      ],
      shared,
    ),
  );
  node.object('Secret', 'wrapped', { stringData: { key: 'secret' } });
  node.object('ConfigMap', 'wrapped', { data: { key: 'config' } });
  const beside = mounts({
    secret: { secret: { secretName: 'wrapped' } },
    config: { configMap: { name: 'wrapped' } },
    empty: { emptyDir: {} },
    down: { downwardAPI: { items: [{ path: 'key', fieldRef: { fieldPath: 'metadata.name' } }] } },
  });
  const wrapped = node.pod('wrapped', once(sh('echo $(cat /*/key) $(ls /empty | wc -l)', beside), beside));
  const numbers = Array.from({ length: 50 }, (_, index) => String(index));
  for (const number of numbers) node.object('ConfigMap', `race-${number}`, { data: { key: `value-${number}` } });
  const many = mounts(
    Object.fromEntries(numbers.map((number) => [`race-${number}`, { configMap: { name: `race-${number}` } }])),
  );
  const racing = ['1', '2', '3'].map((name) =>
    node.pod(`race-${name}`, once(sh('cat /race-*/key | wc -c', many), many)),
  );

  it.each(cases)('gives $user files of mode $mode on $medium', async ({ pod, file, medium }) => {
    const type = typeOf(medium);
    expect(await pod.values()).toEqual({ file, text: 'kept', type, mode: '777:0:0' });
  });
  it.each(modes)('on %s may be written by everybody', async (medium, pod) => {
    expect(await pod.values()).toEqual({ type: typeOf(medium), mode: '777:0:0' });
  });
  it('is shared by the containers of a pod', async () => {
    expect(await pair.output()).toBe('from the other\n');
  });
  it('does not conflict with volumes of other kinds', async () => {
    expect(await wrapped.output()).toBe('configwrappedsecret 0\n');
  });
  it('and 50 volumes of ConfigMaps do not race with one another', async () => {
    const length = numbers.reduce((sum, number) => sum + `value-${number}`.length, 0);
    expect(await Promise.all(racing.map((pod) => pod.output()))).toEqual(racing.map(() => `${length}\n`));
  });
  it('goes with its pod, and outlives containers that are restarted', async () => {
    const volume = mounts({ v: { emptyDir: {} } });
    const pod = node.later('empty-restart', {
      containers: [sh('[ -e /v/f ] && echo still there && exec sleep 3600; touch /v/f; exit 1', volume)],
      ...volume,
    });
    await pod.create();
    await pod.container('to be restarted', ({ restartCount, ready }) => restartCount === 1 && ready);
    await pod.untilLogs(/still there/);
  });
});

describe('storage: subPath', () => {
  node.object('ConfigMap', 'sub', { data: { file: 'config', 'group-file': 'replaced' } });
  node.object('Secret', 'sub', { stringData: { file: 'secret' } });
  const items = [{ path: 'down/file', fieldRef: { fieldPath: 'metadata.name' } }];
  const sources = [
    ['ConfigMap', { configMap: { name: 'sub' } }, 'file', 'config'],
    ['Secret', { secret: { secretName: 'sub' } }, 'file', 'secret'],
    ['downward API', { downwardAPI: { items } }, 'down/file', 'sub-2'],
    ['projected', { projected: { sources: [{ configMap: { name: 'sub' } }] } }, 'file', 'config'],
  ] as const;
  const cases = sources.map(([kind, source, subPath, text], index) => {
    const container = sh('cat /sub/file; echo; ls /sub', {
      volumeMounts: [{ name: 'v', mountPath: '/sub/file', subPath }],
    });
    const pod = node.pod(`sub-${index}`, once(container, { volumes: [{ name: 'v', ...source }] }));
    return { kind, text, pod };
  });
  const over = sh('cat /etc/group; echo; wc -l < /etc/passwd', {
    volumeMounts: [{ name: 'v', mountPath: '/etc/group', subPath: 'group-file' }],
  });
  const existing = node.pod('sub-over', once(over, { volumes: [{ name: 'v', configMap: { name: 'sub' } }] }));
  const parts = [
    sh('echo of c > /data/f; until [ -e /all/b/f ]; do usleep 50000; done; cat /all/a/f /all/b/f', {
      volumeMounts: [
        { name: 'v', mountPath: '/data', subPath: 'a' },
        { name: 'v', mountPath: '/all' },
      ],
    }),
    sh('echo of other > /data/part; mv /data/part /data/f', {
      name: 'other',
      volumeMounts: [{ name: 'v', mountPath: '/data', subPath: 'b' }],
    }),
  ];
  const directories = node.pod('sub-empty', once(parts, { volumes: [{ name: 'v', emptyDir: {} }] }));
  const escape = node.pod(
    'sub-escape',
    once(idle({ volumeMounts: [{ name: 'v', mountPath: '/data', subPath: 'link/etc' }] }), {
      initContainers: [sh('ln -s / /data/link', { name: 'i', volumeMounts: [{ name: 'v', mountPath: '/data' }] })],
      volumes: [{ name: 'v', emptyDir: {} }],
    }),
  );

  it.each(cases)('mounts one file of a $kind volume', async ({ text, pod }) => {
    expect(await pod.output()).toBe(`${text}\nfile\n`);
  });
  it('mounts a file over one of the image', async () => {
    expect(await existing.output()).toBe('replaced\n2\n');
  });
  it('makes directories of an emptyDir', async () => {
    expect(await directories.output()).toBe('of c\nof other\n');
  });
  it('that leads out of its volume by a link is refused', async () => {
    const { state } = await escape.container('to wait', (status) => status.state.waiting?.message);
    expect(state.waiting).toMatchObject({
      reason: 'CreateContainerConfigError',
      message: expect.stringMatching(/subPath/),
    });
  });
});
