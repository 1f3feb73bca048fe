/** Which objects belong to a node: by the pods that are bound to it. Nothing is kept before the first node asks. */
import type { Informer, Informers } from '@timonel/sdk/controller';
import {
  persistentVolumes,
  pods,
  serviceAccounts,
  volumeAttachments,
  type KubeObject,
  type PersistentVolume,
  type Pod,
  type ServiceAccount,
} from '@timonel/sdk/kube';
import { accountOf, referenceKey, referencesOfPod, secretsOfVolume, type ReferencedResource } from './references.ts';

const byReference = 'reference';
const bySecret = 'secret';

export class NodeGraph {
  readonly #informers: Informers;
  readonly #pods: Informer<Pod>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #accounts: Informer<ServiceAccount>;
  readonly #attachments: Informer<KubeObject>;
  #started = false;

  constructor(informers: Informers) {
    this.#informers = informers;
    this.#pods = informers.for(pods, { indexes: { [byReference]: referencesOfPod } });
    this.#volumes = informers.for(persistentVolumes, { indexes: { [bySecret]: secretsOfVolume } });
    this.#accounts = informers.for(serviceAccounts, {
      indexes: {
        [bySecret]: ({ metadata: { namespace = '' }, imagePullSecrets = [] }) =>
          imagePullSecrets.map(({ name = '' }) => referenceKey('secrets', namespace, name)),
      },
    });
    this.#attachments = informers.for(volumeAttachments);
  }

  /** Whether everything is known; begins to find out when it is asked first. */
  get isReady(): boolean {
    if (!this.#started) {
      this.#started = true;
      this.#informers.start();
    }
    return this.#informers.hasSynced();
  }

  whenReady(): Promise<void> {
    return this.#informers.synced();
  }

  pod(namespace: string, name: string): Pod | undefined {
    return this.#pods.get(`${namespace}/${name}`);
  }

  hasPod(node: string, namespace: string, name: string): boolean {
    return this.pod(namespace, name)?.spec.nodeName === node;
  }

  /** Whether a pod of the node needs the object. */
  needs(node: string, resource: ReferencedResource, namespace: string, name: string): boolean {
    const key = referenceKey(resource, namespace, name);
    if (this.#isReferenced(node, key)) return true;
    if (resource !== 'secrets') return false;
    return (
      this.#volumes.byIndex(bySecret, key).some((volume) => this.#usesVolume(node, volume)) ||
      this.#accounts
        .byIndex(bySecret, key)
        .some(({ metadata }) => this.#isReferenced(node, accountKey(namespace, metadata.name ?? '')))
    );
  }

  isAttachmentOf(node: string, name: string): boolean {
    const { spec } = (this.#attachments.get(name) ?? {}) as { spec?: { nodeName?: string } };
    return spec?.nodeName === node;
  }

  /** Whether the pod runs on the node under the account. */
  runsAs(node: string, namespace: string, podName: string, account: string): boolean {
    const pod = this.pod(namespace, podName);
    return pod !== undefined && pod.spec.nodeName === node && accountOf(pod) === account;
  }

  #isReferenced(node: string, key: string): boolean {
    return this.#pods.byIndex(byReference, key).some(({ spec }) => spec.nodeName === node);
  }

  #usesVolume(node: string, { spec }: PersistentVolume): boolean {
    const { namespace = '', name = '' } = spec?.claimRef ?? {};
    return this.#isReferenced(node, referenceKey('persistentvolumeclaims', namespace, name));
  }
}

const accountKey = (namespace: string, name: string): string => referenceKey('serviceaccounts', namespace, name);
