import { describe, expect, it } from '@jest/globals';
import type { Container, Pod, ServiceAccount } from '@timonel/sdk/kube';
import { giveAccount, tokenDirectory } from './pod-account.ts';

const account: ServiceAccount = { metadata: { name: 'default' } };
const container = (more: Partial<Container> = {}): Container => ({ name: 'c', image: 'i', ...more });
const given = (spec: Partial<Pod['spec']> = {}, more: Partial<ServiceAccount> = {}): Pod['spec'] => {
  const pod: Pod = { metadata: {}, spec: { containers: [container()], ...spec } };
  giveAccount(pod, { ...account, ...more }, () => 'abcde');
  return pod.spec;
};
const mount = { name: 'kube-api-access-abcde', readOnly: true, mountPath: tokenDirectory };

describe('giveAccount', () => {
  it('mounts the token, the authority and the namespace into every container', () => {
    const spec = given({ initContainers: [container({ name: 'i' })] });
    expect(spec).toMatchObject({
      serviceAccountName: 'default',
      initContainers: [{ volumeMounts: [mount] }],
      containers: [{ volumeMounts: [mount] }],
      volumes: [
        {
          name: mount.name,
          projected: {
            sources: [
              { serviceAccountToken: { path: 'token' } },
              { configMap: { name: 'kube-root-ca.crt' } },
              { downwardAPI: { items: [{ path: 'namespace' }] } },
            ],
          },
        },
      ],
    });
  });

  it.each<[boolean | undefined, boolean | undefined, boolean]>([
    [undefined, undefined, true],
    [undefined, false, false],
    [undefined, true, true],
    [false, undefined, false],
    [false, true, false],
    [true, false, true],
    [true, true, true],
    [false, false, false],
    [true, undefined, true],
  ])('pod %s, account %s: mounted %s', (ofPod, ofAccount, mounted) => {
    const spec = given(
      ofPod === undefined ? {} : { automountServiceAccountToken: ofPod },
      ofAccount === undefined ? {} : { automountServiceAccountToken: ofAccount },
    );
    expect((spec.volumes ?? []).length).toBe(mounted ? 1 : 0);
  });

  it('leaves containers alone that mount something there', () => {
    const own = { name: 'mine', mountPath: tokenDirectory };
    const spec = given({ containers: [container({ volumeMounts: [own] }), container({ name: 'd' })] });
    expect(spec.containers.map(({ volumeMounts }) => volumeMounts)).toEqual([[own], [mount]]);
    expect(given({ containers: [container({ volumeMounts: [own] })] }).volumes).toBeUndefined();
  });

  it('goes on with a volume that is there', () => {
    const spec = given({ volumes: [{ name: 'kube-api-access-xxxxx' }] });
    expect(spec.volumes).toHaveLength(1);
    expect(spec.containers[0]?.volumeMounts).toEqual([{ ...mount, name: 'kube-api-access-xxxxx' }]);
  });

  it('names the Secrets of the account for pulling, where the pod names none', () => {
    const imagePullSecrets = [{ name: 'a' }];
    expect(given({}, { imagePullSecrets }).imagePullSecrets).toEqual(imagePullSecrets);
    expect(given({ imagePullSecrets: [{ name: 'b' }] }, { imagePullSecrets }).imagePullSecrets).toEqual([
      { name: 'b' },
    ]);
  });
});
